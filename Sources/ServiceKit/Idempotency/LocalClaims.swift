import Reactor

/// Which keys run in this process right now, so that a duplicate waits for a signal instead of
/// asking the database. Confined to the loop.
final class LocalClaims: @unchecked Sendable {
  private let loop: EventLoop
  private var waiters: [ClaimScope: [Int: CheckedContinuation<Void, Never>]] = [:]
  private var running: Set<ClaimScope> = []
  private var nextWaiter = 0

  init(loop: EventLoop) {
    self.loop = loop
  }

  /// Registers the key as running here; false when it already is.
  func begin(_ scope: ClaimScope) -> Bool {
    loop.preconditionCurrent()
    return running.insert(scope).inserted
  }

  func end(_ scope: ClaimScope) {
    loop.preconditionCurrent()
    running.remove(scope)
    for waiter in (waiters.removeValue(forKey: scope) ?? [:]).values { waiter.resume() }
  }

  /// Returns when the key's call has ended here, or after the time given.
  func wait(for scope: ClaimScope, milliseconds: Int64) async {
    loop.preconditionCurrent()
    guard running.contains(scope), milliseconds > 0 else { return }
    let id = nextWaiter
    nextWaiter += 1
    await withCheckedContinuation { continuation in
      waiters[scope, default: [:]][id] = continuation
      _ = loop.schedule(after: .milliseconds(milliseconds)) { [self] in
        waiters[scope]?.removeValue(forKey: id)?.resume()
      }
    }
  }
}
