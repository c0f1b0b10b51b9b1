/// When a delivery is tried again: ten pauses over three days, then it is undeliverable.
package struct RetrySchedule: Sendable, Hashable {
  /// Pauses after the first, second, … failed try, in milliseconds: 5 s, 30 s, 5 min, 30 min, 2 h,
  /// 5 h, 10 h, 14 h, 20 h, 20 h. Together 71 h 35 min 35 s.
  package static let pausesMilliseconds: [Int64] = [
    5_000, 30_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000,
    72_000_000,
  ]
  /// Tries of one delivery, the first included.
  package static let triesMax = pausesMilliseconds.count + 1
  /// Each pause is changed by up to this share, so that failures do not come back in step.
  package static let jitter = 0.1
  /// Longest pause that an endpoint's Retry-After can ask for beyond the schedule, in milliseconds.
  package static let retryAfterMaxMilliseconds: Int64 = 3_600_000
  /// Least pause after 429, 502, 503, 504 and time-outs: the endpoint is overloaded.
  package static let overloadedMinMilliseconds: Int64 = 60_000

  /// Multiplies every pause; 1 except in tests and demonstrations.
  package let scale: Double

  package init(scale: Double = 1) {
    self.scale = scale.isFinite ? min(1, max(0, scale)) : 1
  }

  /// The pause after a failed try; nil when that was the last.
  /// - Parameters:
  ///   - tries: made so far in this round, the failed one included: from 1.
  ///   - retryAfterMilliseconds: what the endpoint asked for.
  ///   - random: 0 to 1, for the jitter.
  package func pauseMilliseconds(
    afterTries tries: Int, isOverloaded: Bool, retryAfterMilliseconds: Int64?, random: Double
  ) -> Int64? {
    guard tries >= 1, tries <= Self.pausesMilliseconds.count else { return nil }
    var base = Self.pausesMilliseconds[tries - 1]
    if isOverloaded { base = max(base, Self.overloadedMinMilliseconds) }
    if let asked = retryAfterMilliseconds {
      base = max(base, min(asked, max(base, Self.retryAfterMaxMilliseconds)))
    }
    let factor = 1 + Self.jitter * (2 * min(1, max(0, random)) - 1)
    return max(1, Int64(Double(base) * factor * scale))
  }
}
