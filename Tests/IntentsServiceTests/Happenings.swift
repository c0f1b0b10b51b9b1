import GRPCCore
import Synchronization
import TestSupport

/// What happened, counted; tests wait for it instead of for time to pass.
final class Happenings: Sendable {
  enum Kind: Hashable {
    /// A payment's call reached gateway-router: T1 has committed.
    case routerAsked
    /// The service learnt that a caller has gone.
    case callCancelled
    case callBegan
    case callEnded
    case posted
    /// A refund's call reached gateway-router: its T1 has committed.
    case refundAsked
    case captureAsked
    case closeAsked
  }

  private typealias Condition = @Sendable ([Kind: Int]) -> Bool

  private struct State {
    var counts: [Kind: Int] = [:]
    var waiting: [(condition: Condition, continuation: CheckedContinuation<Void, Never>)] = []
    var isGivenUp = false
  }

  private let state = Mutex(State())

  func note(_ kind: Kind) {
    let due = state.withLock { state in
      state.counts[kind, default: 0] += 1
      let counts = state.counts
      let due = state.waiting.filter { $0.condition(counts) }
      state.waiting.removeAll { $0.condition(counts) }
      return due
    }
    for waiter in due { waiter.continuation.resume() }
  }

  func count(_ kind: Kind) -> Int { state.withLock { $0.counts[kind, default: 0] } }

  /// Returns early when the test is cancelled, which its time limit does.
  func wait(_ condition: @escaping @Sendable ([Kind: Int]) -> Bool) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isThere = state.withLock { state in
          guard !condition(state.counts), !state.isGivenUp else { return true }
          state.waiting.append((condition, continuation))
          return false
        }
        if isThere { continuation.resume() }
      }
    } onCancel: {
      let waiting = state.withLock { state in
        state.isGivenUp = true
        defer { state.waiting = [] }
        return state.waiting
      }
      for waiter in waiting { waiter.continuation.resume() }
    }
  }

  func wait(for kind: Kind, _ count: Int = 1) async {
    await wait { $0[kind, default: 0] >= count }
  }
}

/// Tells when calls end, and when the service learns that their callers have gone.
struct CallWitness: ServerInterceptor {
  let happenings: Happenings

  func intercept<Input: Sendable, Output: Sendable>(
    request: StreamingServerRequest<Input>, context: ServerContext,
    next:
      @concurrent @Sendable (
        _ request: StreamingServerRequest<Input>, _ context: ServerContext
      ) async throws -> StreamingServerResponse<Output>
  ) async throws -> StreamingServerResponse<Output> {
    happenings.note(.callBegan)
    defer { happenings.note(.callEnded) }
    return try await withTaskCancellationHandler {
      try await next(request, context)
    } onCancel: {
      happenings.note(.callCancelled)
    }
  }
}

/// Files made once and used by several tests at a time.
final class IssuedFiles: Sendable {
  private let files = Mutex<[String: TestCertificates.Files]>([:])

  func get(
    _ name: String, _ make: () throws -> TestCertificates.Files
  ) throws -> TestCertificates.Files {
    try files.withLock { files in
      if let made = files[name] { return made }
      let made = try make()
      files[name] = made
      return made
    }
  }
}
