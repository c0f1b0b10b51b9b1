import GRPCCore
package import Logging
import Money
package import Outbox
import Reactor
import Synchronization

/// One relay of a service as its own task: carries a destination's outbox rows in batches, woken by
/// commits, until each is acknowledged.
package final class ServiceRelay: Sendable {
  /// Sends a batch; an error means that none of it is known to be applied, and all is sent again.
  package typealias Send = @Sendable ([OutboxRow]) async throws -> Void

  private let environment: ServiceEnvironment
  private let relay: OutboxRelay
  private let running = Mutex<Task<Void, Never>?>(nil)

  /// - Parameter outcomes: answers one outcome per row, so that one refused row holds up nobody else.
  package init(
    _ destination: String, _ environment: ServiceEnvironment,
    limits: OutboxRelay.Limits = OutboxRelay.Limits(), outcomes: @escaping OutboxRelay.Send
  ) {
    self.environment = environment
    relay = OutboxRelay(
      destination: destination, client: environment.database, logger: environment.logger,
      limits: limits, send: outcomes)
  }

  /// For receivers that take a batch as a whole.
  package convenience init(
    _ destination: String, _ environment: ServiceEnvironment,
    limits: OutboxRelay.Limits = OutboxRelay.Limits(), send: @escaping Send
  ) {
    let logger = environment.logger
    self.init(destination, environment, limits: limits, outcomes: { rows in
      do {
        try await send(rows)
        return rows.map { _ in .delivered }
      } catch {
        return Self.retry(rows, after: error, destination, logger)
      }
    })
  }

  /// None of the batch is known to be applied: all of it is sent again.
  package static func retry(
    _ rows: [OutboxRow], after error: any Error, _ destination: String, _ logger: Logger
  ) -> [OutboxOutcome] {
    logger.warning(
      "an outbox batch was not taken",
      metadata: ["destination": "\(destination)", "error": "\(error)"])
    return rows.map { _ in outcome(after: error) }
  }

  /// Only UNAVAILABLE says that the receiver is away: a time-out may be the batch's own fault, and
  /// who is overloaded must not be asked sooner.
  package static func outcome(after error: any Error) -> OutboxOutcome {
    let reason = String(describing: type(of: error))
    return (error as? RPCError)?.code == .unavailable ? .receiverAway(reason) : .retry(reason)
  }

  package func start() {
    let task = environment.loop.spawn(name: "outbox relay") { [relay] in await relay.run() }
    running.withLock { $0 = task }
  }

  /// Call after a commit that wrote rows.
  package func wake() { relay.wake() }

  package func shutdown() async {
    relay.stop()
    await running.withLock { $0 }?.value
  }

  package func report() async throws -> QueueReport {
    let backlog = try await relay.backlog()
    let age = backlog.oldest.map { environment.clock.now.seconds - $0.seconds } ?? 0
    return QueueReport(
      name: "outbox.\(relay.destination)", length: backlog.count, oldestAgeSeconds: max(0, age))
  }
}
