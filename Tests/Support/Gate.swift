import Synchronization

/// Holds tasks back until a test opens it; stays open.
package final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  package init() {}

  package func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  package func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// Asks again and again until the condition holds; the test's time limit bounds it.
package func eventually(_ condition: () async throws -> Bool) async throws {
  while !(try await condition()) {
    try Task.checkCancellation()
    await Task.yield()
  }
}
