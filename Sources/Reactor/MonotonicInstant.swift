import CLinux

/// A point of the machine's monotonic clock, in nanoseconds. Arithmetic saturates, so that lengths
/// taken from a peer cannot overflow it.
package struct MonotonicInstant: Sendable, Hashable, Comparable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Reads the clock (about 20 ns); on the loop `EventLoop.now` is cheaper.
  package static var now: MonotonicInstant {
    MonotonicInstant(nanoseconds: tender_monotonic_nanoseconds())
  }

  package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  package func advanced(by duration: Duration) -> MonotonicInstant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    guard overflow else { return MonotonicInstant(nanoseconds: sum) }
    return MonotonicInstant(nanoseconds: duration < .zero ? .min : .max)
  }

  /// Positive if `other` is later.
  package func duration(to other: MonotonicInstant) -> Duration {
    let (length, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
    guard overflow else { return .nanoseconds(length) }
    return .nanoseconds(other < self ? Int64.min : Int64.max)
  }
}

extension Duration {
  /// Whole nanoseconds, rounded towards zero; lengths beyond ±292 years saturate.
  package var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, tooLong) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard !tooLong else { return seconds < 0 ? .min : .max }
    return sum
  }

  /// Whole milliseconds, rounded up, so that a wait never ends early.
  package var wholeMillisecondsRoundedUp: Int64 {
    let nanoseconds = wholeNanoseconds
    let whole = nanoseconds / 1_000_000
    return nanoseconds % 1_000_000 > 0 ? whole + 1 : whole
  }
}
