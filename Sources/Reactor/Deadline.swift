/// When the current piece of work stops being worth finishing. The transport sets it from
/// grpc-timeout; every SQL statement and outbound call is bounded by it.
package struct Deadline: Sendable, Hashable, Comparable {
  package let instant: MonotonicInstant

  /// The deadline of the running task; nil means none was set.
  @TaskLocal package static var current: Deadline?

  package init(_ instant: MonotonicInstant) {
    self.instant = instant
  }

  package static func after(_ duration: Duration) -> Deadline {
    Deadline(MonotonicInstant.now.advanced(by: duration))
  }

  /// The earlier of `limit` from now and the task's own deadline.
  package static func within(_ limit: Duration) -> Deadline {
    let own = Deadline.after(limit)
    guard let current else { return own }
    return min(own, current)
  }

  package static func < (left: Deadline, right: Deadline) -> Bool {
    left.instant < right.instant
  }

  /// What is left, never negative. Uses the loop's cached time when called on it.
  package func remaining(on loop: EventLoop) -> Duration {
    let now = loop.isCurrent ? loop.now : .now
    return max(.zero, now.duration(to: instant))
  }

  /// What is left by the clock, never negative.
  package var remaining: Duration {
    max(.zero, MonotonicInstant.now.duration(to: instant))
  }

  package var isPast: Bool { MonotonicInstant.now >= instant }
}
