/// A circuit breaker as a pure machine, one per gateway account and kind of request, shared by all
/// processes: each change becomes a row by compare and set. Times are milliseconds of one clock.
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
    /// Probes under way at a time, over all processes; as many successes close it.
    package var probes = 3
    /// A probe whose process died is given up then.
    package var probeMilliseconds: Int64 = 10_000

    package init() {}
  }

  package enum Result: Sendable, Hashable {
    /// An answer, whatever it says about the payment. Declines are successes here.
    case answered
    /// Timeout, cut connection, 5xx.
    case failed
    /// Not even connected.
    case connectFailed
  }

  package enum State: Sendable, Hashable {
    case closed
    case open(untilMilliseconds: Int64)
    /// `untilMilliseconds`: until then the admitted probes' answers are waited for.
    case halfOpen(admitted: Int, succeeded: Int, untilMilliseconds: Int64)
  }

  package var state: State
  /// In a row, without a closing between them.
  package var openings: Int

  package init(_ state: State = .closed, openings: Int = 0) {
    self.state = state
    self.openings = openings
  }

  /// Whether no call may go out now, not even as a probe.
  package func denies(nowMilliseconds now: Int64, _ settings: Settings = Settings()) -> Bool {
    state != .closed && admittingProbe(nowMilliseconds: now, settings) == nil
  }

  /// Too much failed; nil when it is not closed any more.
  /// - Parameter random: 0 to 99, for the jitter.
  package func opening(
    nowMilliseconds now: Int64, random: Int, _ settings: Settings = Settings()
  ) -> Breaker? {
    state == .closed ? opened(now, random, settings) : nil
  }

  /// One of the few calls that test a gateway that was away; nil when none may go out now.
  package func admittingProbe(
    nowMilliseconds now: Int64, _ settings: Settings = Settings()
  ) -> Breaker? {
    let until = now + settings.probeMilliseconds
    switch state {
    case .closed: return nil
    case .open(let end):
      guard now >= end else { return nil }
      return Breaker(
        .halfOpen(admitted: 1, succeeded: 0, untilMilliseconds: until), openings: openings)
    case .halfOpen(let admitted, let succeeded, let end):
      // Those that have not answered by then died with their process.
      let underway = now >= end ? succeeded : admitted
      guard underway < settings.probes else { return nil }
      return Breaker(
        .halfOpen(admitted: underway + 1, succeeded: succeeded, untilMilliseconds: until),
        openings: openings)
    }
  }

  /// What came of a probe; nil when another one has decided already.
  package func probed(
    _ result: Result, tookMilliseconds took: Int64, nowMilliseconds now: Int64, random: Int,
    _ settings: Settings = Settings()
  ) -> Breaker? {
    guard case .halfOpen(let admitted, let succeeded, let until) = state else { return nil }
    guard result == .answered, took <= settings.slowMilliseconds else {
      return opened(now, random, settings)
    }
    guard succeeded + 1 < settings.probes else { return Breaker() }
    return Breaker(
      .halfOpen(admitted: admitted, succeeded: succeeded + 1, untilMilliseconds: until),
      openings: openings)
  }

  /// A probe was admitted and then not sent: its place is free again.
  package func forgettingProbe() -> Breaker? {
    guard case .halfOpen(let admitted, let succeeded, let until) = state, admitted > succeeded
    else { return nil }
    return Breaker(
      .halfOpen(admitted: admitted - 1, succeeded: succeeded, untilMilliseconds: until),
      openings: openings)
  }

  private func opened(_ now: Int64, _ random: Int, _ settings: Settings) -> Breaker {
    let doubled = settings.openMilliseconds << Int64(min(max(openings, 0), 16))
    let time = min(doubled, settings.openMillisecondsMax)
    let jitter = time * Int64(settings.jitterPercent * min(max(random, 0), 99)) / 10_000
    return Breaker(.open(untilMilliseconds: now + time + jitter), openings: openings + 1)
  }
}

/// One process's own count of how an account's calls end, while the breaker is closed.
package struct BreakerCounter: Sendable, Hashable {
  private struct Bucket: Sendable, Hashable {
    var index: Int64
    var calls = 0
    var failed = 0
    var slow = 0
  }

  private let settings: Breaker.Settings
  private var buckets: [Bucket] = []
  private var connectFailures = 0

  package init(_ settings: Breaker.Settings = Breaker.Settings()) { self.settings = settings }

  /// - Returns: whether the breaker must open now; then the counts begin anew.
  package mutating func record(
    _ result: Breaker.Result, tookMilliseconds took: Int64, nowMilliseconds now: Int64
  ) -> Bool {
    connectFailures = result == .connectFailed ? connectFailures + 1 : 0
    let index = now / settings.bucketMilliseconds
    buckets.removeAll { $0.index <= index - Int64(settings.buckets) }
    if buckets.last?.index != index { buckets.append(Bucket(index: index)) }
    buckets[buckets.count - 1].calls += 1
    if result != .answered { buckets[buckets.count - 1].failed += 1 }
    if took > settings.slowMilliseconds { buckets[buckets.count - 1].slow += 1 }
    guard isTooMuch else { return false }
    reset()
    return true
  }

  package mutating func reset() {
    buckets = []
    connectFailures = 0
  }

  private var isTooMuch: Bool {
    if connectFailures >= settings.connectFailuresInRow { return true }
    let calls = buckets.reduce(0) { $0 + $1.calls }
    guard calls >= settings.callsMin else { return false }
    let failed = buckets.reduce(0) { $0 + $1.failed }
    let slow = buckets.reduce(0) { $0 + $1.slow }
    return failed * 100 >= calls * settings.failurePercent
      || slow * 100 >= calls * settings.slowPercent
  }
}
