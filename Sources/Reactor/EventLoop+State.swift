import Synchronization

/// What other threads put into a loop, behind its mutex.
struct Inbox {
  enum Phase { case idle, running, stopping, stopped }

  var phase = Phase.idle
  var jobs: [Work] = []
  var sleeping = false
  var lingering = false
  var statistics = LoopStatistics()
  var stopWaiters: [CheckedContinuation<Void, Never>] = []

  /// Whether the caller must wake the loop; only the first caller must.
  mutating func takeWake() -> Bool {
    defer { sleeping = false }
    return sleeping
  }

  /// Whether the caller must start a thread for jobs that came after the end.
  mutating func takeLinger() -> Bool {
    guard phase == .stopped, !lingering, !jobs.isEmpty else { return false }
    lingering = true
    return true
  }
}

/// Counters of one loop since its start. `jobs` are task steps, closures and timers; `events` are
/// calls of descriptor handlers.
package struct LoopStatistics: Sendable, Hashable {
  package var turns = 0
  package var jobs = 0
  package var events = 0
  /// Pieces of work that held the loop longer than `EventLoop.longJobLimit`.
  package var longJobs = 0
  /// Time in which the loop worked, not waited.
  package var busyNanoseconds: Int64 = 0
  package var longestJobNanoseconds: Int64 = 0
  /// The loop's lag: what an event waits at worst before it is looked at.
  package var longestTurnNanoseconds: Int64 = 0
  /// Calls announced to `BlockingGuard` on the loop's thread. Must stay 0.
  package var blockingCalls = 0
}

extension EventLoop {
  /// As of the end of the last turn; from any thread.
  package var statistics: LoopStatistics { inbox.withLock { $0.statistics } }
}

extension EventLoop {
  /// On the loop only: false once its thread has ended.
  var acceptsTimers: Bool { epoll >= 0 }
}
