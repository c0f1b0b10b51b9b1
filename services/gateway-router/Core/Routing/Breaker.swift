/// A circuit breaker as a pure machine, one per gateway, operation and account. Times are monotonic
/// milliseconds given by the caller. Declines are successes: only technical failures count.
package struct Breaker: Sendable, Hashable {
  package struct Settings: Sendable, Hashable {
    package var bucketMilliseconds: Int64 = 1_000
    package var buckets = 10
    package var callsMin = 20
    package var failurePercent = 50
    package var slowPercent = 60
    package var slowMilliseconds: Int64 = 1_800
    package var connectFailuresInRow = 5
    package var openMilliseconds: Int64 = 5_000
    package var openMillisecondsMax: Int64 = 60_000
    /// Added at random to each opening, in percent of it.
    package var jitterPercent = 20
    package var probes = 3

    package init() {}
  }

  package enum Result: Sendable, Hashable {
    /// An answer, whatever it says about the payment.
    case answered
    /// Timeout, cut connection, 5xx.
    case failed
    /// Not even connected.
    case connectFailed
  }

  package enum Admission: Sendable, Hashable {
    case allowed
    /// One of the few that test a gateway that was away.
    case probe
    case denied(retryAfterMilliseconds: Int64)
  }

  package enum State: Sendable, Hashable {
    case closed
    case open(untilMilliseconds: Int64, openings: Int)
    case halfOpen(admitted: Int, succeeded: Int, openings: Int)
  }

  private struct Bucket: Sendable, Hashable {
    var index: Int64
    var calls = 0
    var failed = 0
    var slow = 0
  }

  package let settings: Settings
  package private(set) var state: State = .closed
  private var buckets: [Bucket] = []
  private var connectFailures = 0

  package init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Whether `admit` would deny; changes nothing.
  package func denies(nowMilliseconds now: Int64) -> Bool {
    var copy = self
    if case .denied = copy.admit(nowMilliseconds: now) { return true }
    return false
  }

  /// Whether a call may go out now.
  package mutating func admit(nowMilliseconds now: Int64) -> Admission {
    switch state {
    case .closed: return .allowed
    case .open(let until, let openings):
      guard now >= until else { return .denied(retryAfterMilliseconds: until - now) }
      state = .halfOpen(admitted: 1, succeeded: 0, openings: openings)
      return .probe
    case .halfOpen(let admitted, let succeeded, let openings):
      guard admitted < settings.probes else {
        return .denied(retryAfterMilliseconds: settings.bucketMilliseconds)
      }
      state = .halfOpen(admitted: admitted + 1, succeeded: succeeded, openings: openings)
      return .probe
    }
  }

  /// What came of an admitted call.
  /// - Parameter random: 0 to 99, for the jitter.
  package mutating func record(
    _ result: Result,
    tookMilliseconds took: Int64,
    nowMilliseconds now: Int64,
    random: Int
  ) {
    switch state {
    case .closed:
      count(result, took, now)
      if shouldOpen(now) { open(after: 0, now, random) }
    case .open: break  // a call from before the opening
    case .halfOpen(let admitted, let succeeded, let openings):
      if result != .answered || took > settings.slowMilliseconds {
        open(after: openings, now, random)
      } else if succeeded + 1 >= settings.probes {
        state = .closed
        buckets = []
        connectFailures = 0
      } else {
        state = .halfOpen(admitted: admitted, succeeded: succeeded + 1, openings: openings)
      }
    }
  }

  /// A probe was admitted and then not sent: its place is free again.
  package mutating func forgetProbe() {
    guard case .halfOpen(let admitted, let succeeded, let openings) = state, admitted > succeeded
    else { return }
    state = .halfOpen(admitted: admitted - 1, succeeded: succeeded, openings: openings)
  }

  /// A person or another replica decides.
  package mutating func force(_ state: State) {
    self.state = state
    buckets = []
    connectFailures = 0
  }

  private mutating func count(_ result: Result, _ took: Int64, _ now: Int64) {
    connectFailures = result == .connectFailed ? connectFailures + 1 : 0
    let index = now / settings.bucketMilliseconds
    buckets.removeAll { $0.index <= index - Int64(settings.buckets) }
    if buckets.last?.index != index { buckets.append(Bucket(index: index)) }
    buckets[buckets.count - 1].calls += 1
    if result != .answered { buckets[buckets.count - 1].failed += 1 }
    if took > settings.slowMilliseconds { buckets[buckets.count - 1].slow += 1 }
  }

  private func shouldOpen(_ now: Int64) -> Bool {
    if connectFailures >= settings.connectFailuresInRow { return true }
    let calls = buckets.reduce(0) { $0 + $1.calls }
    guard calls >= settings.callsMin else { return false }
    let failed = buckets.reduce(0) { $0 + $1.failed }
    let slow = buckets.reduce(0) { $0 + $1.slow }
    return failed * 100 >= calls * settings.failurePercent
      || slow * 100 >= calls * settings.slowPercent
  }

  private mutating func open(after openings: Int, _ now: Int64, _ random: Int) {
    let doubled = settings.openMilliseconds << Int64(min(openings, 16))
    let time = min(doubled, settings.openMillisecondsMax)
    let jitter = time * Int64(settings.jitterPercent * min(max(random, 0), 99)) / 10_000
    state = .open(untilMilliseconds: now + time + jitter, openings: openings + 1)
    buckets = []
    connectFailures = 0
  }
}
