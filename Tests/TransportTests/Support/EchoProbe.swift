import Reactor
import Synchronization

/// What handlers did, for tests to look at and wait for.
final class EchoProbe: Sendable {
  enum Event: Hashable {
    case started
    case cancelled
    case taskCancelled
  }

  private struct State {
    var counts: [Event: Int] = [:]
    var waiters: [(event: Event, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var isGivenUp = false
    var isReleased = false
    var stalled: [CheckedContinuation<Void, Never>] = []
    var deadline: Deadline?
    var poured = 0
  }

  private let state = Mutex(State())

  func count(_ event: Event) {
    let due = state.withLock { state in
      state.counts[event, default: 0] += 1
      let reached = state.counts[event, default: 0]
      let due = state.waiters.filter { $0.event == event && $0.count <= reached }
      state.waiters.removeAll { $0.event == event && $0.count <= reached }
      return due
    }
    for waiter in due { waiter.continuation.resume() }
  }

  func number(of event: Event) -> Int { state.withLock { $0.counts[event, default: 0] } }

  /// Returns early when the test is cancelled, which its time limit does.
  func wait(for event: Event, count: Int = 1) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isThere = state.withLock { state in
          guard state.counts[event, default: 0] < count, !state.isGivenUp else { return true }
          state.waiters.append((event, count, continuation))
          return false
        }
        if isThere { continuation.resume() }
      }
    } onCancel: {
      giveUp()
    }
  }

  private func giveUp() {
    let waiters = state.withLock { state in
      state.isGivenUp = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.continuation.resume() }
    release()
  }

  func waitForRelease() async {
    await withCheckedContinuation { continuation in
      let isReleased = state.withLock { state in
        if !state.isReleased { state.stalled.append(continuation) }
        return state.isReleased
      }
      if isReleased { continuation.resume() }
    }
  }

  func release() {
    let stalled = state.withLock { state in
      state.isReleased = true
      defer { state.stalled = [] }
      return state.stalled
    }
    for continuation in stalled { continuation.resume() }
  }

  func set(deadline: Deadline?) { state.withLock { $0.deadline = deadline } }
  var deadline: Deadline? { state.withLock { $0.deadline } }
  func add(poured: Int) { state.withLock { $0.poured += poured } }
  var poured: Int { state.withLock { $0.poured } }
}
