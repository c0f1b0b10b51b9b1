package import Money
import Synchronization

/// A clock that moves only when a test says so.
package final class ManualClock: Sendable {
  private let current: Mutex<Timestamp>

  /// Starts at 2026-01-15 12:00:00 UTC unless told.
  package init(_ start: Timestamp = Timestamp(seconds: 1_768_478_400)) {
    current = Mutex(start)
  }

  package var now: Timestamp { current.withLock { $0 } }

  package func advance(by duration: Duration) {
    current.withLock { $0 = $0 + duration }
  }

  package func set(_ time: Timestamp) {
    current.withLock { $0 = time }
  }
}
