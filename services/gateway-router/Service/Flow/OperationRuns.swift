import Money
import Reactor

/// Which operations this process works on right now. A repeated call waits for the first one and
/// then reads what it left. Confined to the loop.
final class OperationRuns: @unchecked Sendable {
  private let loop: EventLoop
  private var waiters: [OperationID: [CheckedContinuation<Void, Never>]] = [:]

  init(loop: EventLoop) {
    self.loop = loop
  }

  func isBusy(_ id: OperationID) -> Bool {
    loop.preconditionCurrent()
    return waiters[id] != nil
  }

  /// Runs `body` when nobody else in this process works on the operation.
  func exclusively<Value: Sendable>(
    _ id: OperationID, _ body: () async throws -> Value
  ) async throws -> Value {
    loop.preconditionCurrent()
    while waiters[id] != nil {
      await withCheckedContinuation { waiters[id]?.append($0) }
    }
    waiters[id] = []
    defer {
      for waiter in waiters.removeValue(forKey: id) ?? [] { waiter.resume() }
    }
    return try await body()
  }
}
