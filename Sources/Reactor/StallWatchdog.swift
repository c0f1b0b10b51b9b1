import Glibc
import Synchronization

/// Watches one loop from a thread of its own: a turn that lasts longer than the limit is a stall,
/// whatever caused it.
package final class StallWatchdog: Sendable {
  package enum Action: Sendable {
    /// Count it.
    case record
    /// Abort on the loop's own thread, so that its stack is the one in the crash report.
    case abort
  }

  private struct State {
    var isRunning = true
    var stalls = 0
  }

  private let state = Mutex(State())

  /// Turns that were seen to last longer than the limit; each counts once.
  package var stalls: Int { state.withLock { $0.stalls } }

  /// Starts watching at once. The loop must have been started.
  package init(loop: EventLoop, limit: Duration, action: Action = .record) {
    let limitNanoseconds = limit.wholeNanoseconds
    let pause = UInt32(clamping: max(1_000, limitNanoseconds / 4_000))
    let started = Thread.start(name: "watchdog") { [weak self, weak loop] in
      var reported: Int64 = 0
      while let self, let loop, self.state.withLock({ $0.isRunning }) {
        usleep(min(pause, 100_000))
        let since = loop.busySince.load(ordering: .relaxed)
        guard since != 0, since != reported else { continue }
        guard MonotonicInstant.now.nanoseconds - since > limitNanoseconds else { continue }
        reported = since
        self.state.withLock { $0.stalls += 1 }
        if action == .abort { loop.abortOnItsThread() }
      }
    }
    if !started { state.withLock { $0.isRunning = false } }
  }

  /// Ends the thread at its next look.
  package func stop() {
    state.withLock { $0.isRunning = false }
  }
}
