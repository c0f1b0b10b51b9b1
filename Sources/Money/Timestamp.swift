/// A moment in UTC: whole microseconds since 1970-01-01T00:00:00Z, leap seconds not counted. The
/// resolution of PostgreSQL's `timestamptz`.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  /// From whole milliseconds; saturates at the ends.
  package init(milliseconds: Int64) {
    let (value, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
    microseconds = overflow ? (milliseconds < 0 ? .min : .max) : value
  }

  /// From whole seconds and nanoseconds (truncated to microseconds), as `timespec` and
  /// google.protobuf.Timestamp have them; saturates at the ends.
  package init(seconds: Int64, nanoseconds: Int64 = 0) {
    let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflows) = value.addingReportingOverflow(nanoseconds / 1_000)
    microseconds = overflow || overflows ? (seconds < 0 ? .min : .max) : sum
  }

  /// Whole seconds since 1970, rounded down.
  package var seconds: Int64 { microseconds.flooredQuotient(1_000_000) }

  /// Nanoseconds within the second: 0 to 999,999,000.
  package var nanosecondsOfSecond: Int32 {
    Int32((microseconds - seconds * 1_000_000) * 1_000)
  }

  /// Whole milliseconds since 1970, rounded down: the time of an `EntityID`.
  package var milliseconds: Int64 { microseconds.flooredQuotient(1_000) }

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  /// Later by a duration (truncated to microseconds); saturates at the ends.
  package static func + (left: Timestamp, right: Duration) -> Timestamp {
    let (sum, overflow) = left.microseconds.addingReportingOverflow(right.wholeMicroseconds)
    return Timestamp(microseconds: overflow ? (right < .zero ? .min : .max) : sum)
  }

  package static func - (left: Timestamp, right: Duration) -> Timestamp {
    let (sum, overflow) = left.microseconds.subtractingReportingOverflow(right.wholeMicroseconds)
    return Timestamp(microseconds: overflow ? (right < .zero ? .max : .min) : sum)
  }

  /// How long from `right` to `left`; saturates.
  package static func - (left: Timestamp, right: Timestamp) -> Duration {
    let (difference, overflow) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    return .microseconds(overflow ? (left < right ? .min : .max) : difference)
  }
}

extension Duration {
  /// Truncated towards zero; saturates at the ends of 64 bits.
  package var wholeMicroseconds: Int64 {
    let (seconds, attoseconds) = components
    let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflows) = value.addingReportingOverflow(attoseconds / 1_000_000_000_000)
    return overflow || overflows ? (seconds < 0 ? .min : .max) : sum
  }
}

extension Int64 {
  /// Division that rounds down, also below zero. `divisor` is positive.
  func flooredQuotient(_ divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
