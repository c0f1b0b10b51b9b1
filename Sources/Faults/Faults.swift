#if TENDER_FAULTS
import Glibc
import Synchronization

/// What is armed in this process.
package enum Faults {
  private struct Armed {
    /// Passages left.
    var left: [CrashPoint: Int] = [:]
    /// Those of them that the board ordered.
    var ordered: Set<CrashPoint> = []
    var board: FaultBoard?
  }

  private static let armed = Mutex(Armed())
  /// Read before the lock: nearly every passage is of a process in which nothing is armed.
  private static let isAnyArmed = Atomic(false)
  private static let switches = Atomic<UInt32>(0)
  private static let shiftMicroseconds = Atomic<Int64>(0)

  static var sabotages: UInt32 { switches.load(ordering: .relaxed) }

  /// Added to the wall clock.
  package static var clockShiftMicroseconds: Int64 { shiftMicroseconds.load(ordering: .relaxed) }

  /// - Parameter board: where crashes are armed later, and where each leaves its mark: one that has
  ///   left it is not armed again.
  package static func begin(_ orders: FaultOrders, board: FaultBoard?) {
    switches.store(orders.sabotages.reduce(0) { $0 | $1.bit }, ordering: .relaxed)
    shiftMicroseconds.store(orders.clockShiftSeconds * 1_000_000, ordering: .relaxed)
    let left = orders.crashes.filter { point, _ in !(board?.hasFired(point) ?? false) }
    armed.withLock { $0 = Armed(left: left, board: board) }
    isAnyArmed.store(!left.isEmpty, ordering: .relaxed)
  }

  /// What the board says now: new crashes are armed, withdrawn ones are not any more. Those of the
  /// settings stay.
  package static func follow(_ crashes: [CrashPoint: Int]) {
    armed.withLock { armed in
      for point in armed.ordered where crashes[point] == nil { armed.left[point] = nil }
      for (point, passage) in crashes where !armed.ordered.contains(point) {
        armed.left[point] = passage
      }
      armed.ordered = Set(crashes.keys)
      isAnyArmed.store(!armed.left.isEmpty, ordering: .relaxed)
    }
  }

  package static func shiftClock(seconds: Int64) {
    shiftMicroseconds.store(seconds * 1_000_000, ordering: .relaxed)
  }

  static func isDue(_ point: CrashPoint) -> Bool {
    guard isAnyArmed.load(ordering: .relaxed) else { return false }
    return armed.withLock { armed in
      guard let left = armed.left[point] else { return false }
      armed.left[point] = left > 1 ? left - 1 : nil
      return left == 1
    }
  }

  static func crash(at point: CrashPoint) {
    let (board, isOrdered) = armed.withLock { ($0.board, $0.ordered.contains(point)) }
    if let board, !(isOrdered ? board.fire(point) : board.mark(point)) { return }
    kill(getpid(), SIGKILL)
    // The signal takes effect on the way back from the kernel.
    while true { pause() }
  }
}
#endif
