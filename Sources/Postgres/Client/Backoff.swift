/// Doubling pauses with jitter: half of the pause is fixed, half random, so that clients that failed
/// together do not come back together.
package struct Backoff: Sendable {
  package let base: Duration
  package let cap: Duration

  package init(base: Duration, cap: Duration) {
    self.base = base
    self.cap = cap
  }

  static let reconnect = Backoff(base: .milliseconds(50), cap: .seconds(5))
  static let transaction = Backoff(base: .milliseconds(2), cap: .milliseconds(100))

  /// - Parameter attempt: from 1.
  package func delay(attempt: Int) -> Duration {
    var random = SystemRandomNumberGenerator()
    return delay(attempt: attempt, using: &random)
  }

  package func delay(attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
    let doublings = min(max(attempt, 1) - 1, 30)
    let full = min(base * (1 << doublings), cap)
    return full / 2 + full / 2 * Double.random(in: 0...1, using: &random)
  }
}
