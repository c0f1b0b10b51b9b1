import Reactor
import Synchronization
import Wire

/// Asks services whether they serve (grpc.health.v1), as the operator. The supervisor's thread asks
/// again and again and never waits; the calls run beside it.
final class HealthProbe: Sendable {
  static let callLimit: Duration = .seconds(2)

  private enum State: Equatable {
    case asking
    case serving
  }

  /// One process of a service: a later one has to answer for itself.
  private struct Key: Hashable {
    let service: PlatformService
    let port: UInt16
    let process: Int32
  }

  private let checkout: Checkout
  private let loop: EventLoop
  private let states = Mutex<[Key: State]>([:])

  /// - Throws: `Failure` where the process cannot have another thread.
  init(_ checkout: Checkout) throws {
    self.checkout = checkout
    loop = EventLoop(name: "health")
    do {
      try loop.start()
    } catch {
      throw Failure("the event loop does not start (\(error))", next: "see tender doctor")
    }
  }

  /// Whether this process of the service has said that it serves; asks it where it has not.
  func isServing(_ service: PlatformService, port: UInt16, process: Int32) -> Bool {
    let key = Key(service: service, port: port, process: process)
    let known = states.withLock { states in
      let known = states[key]
      if known == nil {
        states = states.filter { $0.key.port != port }
        states[key] = .asking
      }
      return known
    }
    if known == nil {
      _ = loop.spawn(name: "health check") { [self] in
        let isServing = await Self.ask(service, port: port, checkout) == .serving
        // An answer for a process that has been replaced meanwhile is nobody's.
        states.withLock { if $0[key] != nil { $0[key] = isServing ? .serving : nil } }
      }
    }
    return known == .serving
  }

  /// What the process at the port says of itself; nil where it gives no answer.
  static func ask(
    _ service: PlatformService, port: UInt16, _ checkout: Checkout
  ) async -> GRPCHealthV1.HealthCheckResponse.ServingStatus? {
    do {
      return try await ServiceSession.with(checkout) { session in
        try await session.call(service, at: port, as: .operator, within: callLimit) { client in
          try await GRPCHealthV1.Health.Client(wrapping: client)
            .check(GRPCHealthV1.HealthCheckRequest()).status
        }
      }
    } catch {
      // No answer is an answer: it is asked again.
      return nil
    }
  }
}
