import Glibc
import Synchronization

/// The tripwire for blocking calls on a loop's thread. Code that is about to block says so with
/// `check`; on a loop's thread that is a defect.
///
/// How tests use it: set `BlockingGuard.mode = .abort` (or the environment variable
/// `TENDER_BLOCKING_GUARD=abort` before the first check) and the process dies with the caller on
/// the stack; otherwise the call is counted in `LoopStatistics.blockingCalls`, which a test expects
/// to be 0. What does not announce itself is caught by `StallWatchdog`.
package enum BlockingGuard {
  package enum Mode: Int, Sendable {
    case count, abort
  }

  private static let stored = Atomic(initialMode.rawValue)

  private static var initialMode: Mode {
    guard let value = getenv("TENDER_BLOCKING_GUARD") else { return .count }
    return strcmp(value, "abort") == 0 ? .abort : .count
  }

  package static var mode: Mode {
    get { Mode(rawValue: stored.load(ordering: .relaxed)) ?? .count }
    set { stored.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Call before anything that may block: files, getaddrinfo, a synchronous connect.
  package static func check(_ name: StaticString) {
    guard let loop = EventLoop.current else { return }
    precondition(mode == .count, "blocking call on the event loop's thread: \(name)")
    loop.countBlockingCall()
  }
}
