import Testing

@testable import GatewayCore

/// The shared machine: each change is a row that one process writes and all read.
struct BreakerTests {
  private static let open = Breaker(.open(untilMilliseconds: 1_000), openings: 1)

  private func probing(_ breaker: Breaker?, at now: Int64, times: Int = 1) -> Breaker? {
    (0..<times).reduce(breaker) { breaker, _ in
      breaker?.admittingProbe(nowMilliseconds: now)
    }
  }

  private func probed(
    _ breaker: Breaker?, _ result: Breaker.Result = .answered, took: Int64 = 100, at now: Int64
  ) -> Breaker? {
    breaker?.probed(result, tookMilliseconds: took, nowMilliseconds: now, random: 0)
  }

  /// Routing asks first and sends later, if at all: asking must not use up a probe.
  @Test func whatIsDenied() {
    let cases: [(Breaker, Int64, Bool)] = [
      (Breaker(), 0, false),
      (Self.open, 999, true),
      (Self.open, 1_000, false),
      (Breaker(.halfOpen(admitted: 2, succeeded: 0, untilMilliseconds: 50)), 10, false),
      (Breaker(.halfOpen(admitted: 3, succeeded: 1, untilMilliseconds: 50)), 10, true),
      (Breaker(.halfOpen(admitted: 3, succeeded: 1, untilMilliseconds: 50)), 50, false),
    ]
    for (breaker, now, denies) in cases {
      #expect(breaker.denies(nowMilliseconds: now) == denies, "\(breaker) at \(now)")
    }
  }

  @Test func threeProbesCloseIt() {
    #expect(probing(Self.open, at: 999) == nil)
    var breaker = probing(Self.open, at: 1_000, times: 3)
    #expect(
      breaker?.state == .halfOpen(admitted: 3, succeeded: 0, untilMilliseconds: 11_000))
    #expect(probing(breaker, at: 1_001) == nil)
    breaker = breaker?.forgettingProbe()
    breaker = probing(breaker, at: 1_001)
    breaker = probed(probed(breaker, at: 1_100), at: 1_100)
    #expect(
      breaker == Breaker(
        .halfOpen(admitted: 3, succeeded: 2, untilMilliseconds: 11_001), openings: 1))
    #expect(probed(breaker, at: 1_200) == Breaker())
  }

  @Test func aFailedOrSlowProbeOpensForTwiceAsLong() {
    let half = probing(Self.open, at: 1_000)
    let opened = Breaker(.open(untilMilliseconds: 11_200), openings: 2)
    #expect(probed(half, .failed, at: 1_200) == opened)
    #expect(probed(half, .connectFailed, at: 1_200) == opened)
    #expect(probed(half, took: 1_801, at: 1_200) == opened)
    // Whoever answers after that decides nothing.
    #expect(probed(opened, at: 1_300) == nil)
    #expect(opened.forgettingProbe() == nil)
  }

  /// Probes whose process died are given up after their time.
  @Test func placesOfDeadProbesComeBack() {
    let dead = Breaker(
      .halfOpen(admitted: 3, succeeded: 1, untilMilliseconds: 11_000), openings: 1)
    #expect(probing(dead, at: 10_999) == nil)
    #expect(
      probing(dead, at: 11_000)?.state
        == .halfOpen(admitted: 2, succeeded: 1, untilMilliseconds: 21_000))
  }

  @Test func openingsAreBoundedAndJittered() {
    let half = Breaker(
      .halfOpen(admitted: 1, succeeded: 0, untilMilliseconds: 9_000), openings: 40)
    let opened = half.probed(.failed, tookMilliseconds: 1, nowMilliseconds: 0, random: 99)
    #expect(opened == Breaker(.open(untilMilliseconds: 71_880), openings: 41))
    #expect(
      Breaker().opening(nowMilliseconds: 0, random: 0)
        == Breaker(.open(untilMilliseconds: 5_000), openings: 1))
    #expect(opened?.opening(nowMilliseconds: 0, random: 0) == nil)
  }
}

struct BreakerCounterTests {
  /// - Returns: after how many calls it opened.
  private func record(
    _ counter: inout BreakerCounter, _ result: Breaker.Result, _ count: Int, took: Int64 = 100,
    at now: Int64
  ) -> Int? {
    (1...count).first { _ in
      counter.record(result, tookMilliseconds: took, nowMilliseconds: now)
    }
  }

  @Test func opensAtHalfOfTwentyCalls() {
    var counter = BreakerCounter()
    #expect(record(&counter, .answered, 10, at: 0) == nil)
    #expect(record(&counter, .failed, 9, at: 500) == nil)
    #expect(record(&counter, .failed, 1, at: 600) == 1)
    #expect(record(&counter, .failed, 19, at: 600) == nil)
  }

  @Test func oldCallsAreForgotten() {
    var counter = BreakerCounter()
    #expect(record(&counter, .failed, 19, at: 0) == nil)
    #expect(record(&counter, .failed, 19, at: 10_000) == nil)
    #expect(record(&counter, .failed, 1, at: 10_200) == 1)
  }

  @Test func fiveFailedConnectsOrManySlowCallsOpen() {
    var counter = BreakerCounter()
    #expect(record(&counter, .connectFailed, 4, at: 0) == nil)
    #expect(record(&counter, .answered, 1, at: 0) == nil)
    #expect(record(&counter, .connectFailed, 5, at: 0) == 5)
    var slow = BreakerCounter()
    #expect(record(&slow, .answered, 8, at: 0) == nil)
    #expect(record(&slow, .answered, 12, took: 1_801, at: 0) == 12)
  }
}

struct RetryBudgetTests {
  @Test func aShareOfFirstSends() {
    var budget = RetryBudget()
    for _ in 0..<RetryBudget.retriesMax {
      #expect(!budget.isEmpty)
      budget.spend()
    }
    #expect(budget.isEmpty && budget.retries == 0)
    for _ in 0..<4 { budget.earn() }
    #expect(budget.isEmpty)
    budget.earn()
    #expect(!budget.isEmpty && budget.retries == 1)
    for _ in 0..<100_000 { budget.earn() }
    #expect(budget.retries == RetryBudget.retriesMax)
  }

  @Test func ratesNeedFiftyCallsAndForgetAfterTenMinutes() {
    var window = SuccessWindow()
    for index in 0..<49 { window.record(succeeded: index < 40, nowMilliseconds: 0) }
    #expect(window.permille(nowMilliseconds: 0) == nil)
    window.record(succeeded: true, nowMilliseconds: 599_999)
    #expect(window.permille(nowMilliseconds: 599_999) == 820)
    #expect(window.counts(nowMilliseconds: 600_000) == (1, 1))
  }
}
