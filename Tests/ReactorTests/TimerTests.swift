import Testing

@testable import Reactor

@Suite struct TimerTests {
  private func instant(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  @Test func timersFireInOrderNeverEarlyAndAtMostOneTickLate() {
    let start: Int64 = 1_234_567
    let wheel = TimerWheel(now: instant(start))
    var seed = SystemRandomNumberGenerator()
    var fired: [(due: Int64, at: Int64)] = []
    var clock = start
    for _ in 0..<2_000 {
      let due = clock + Int64.random(in: 0...60_000, using: &seed)
      _ = wheel.arm(after: .milliseconds(due - clock), now: instant(clock)) {
        fired.append((due, clock))
      }
      clock += Int64.random(in: 0...7, using: &seed)
      for token in wheel.expire(now: instant(clock)) { token.fire() }
    }
    while let wait = wheel.millisecondsToNext(now: instant(clock)) {
      clock += Int64(wait)
      for token in wheel.expire(now: instant(clock)) { token.fire() }
    }
    #expect(fired.count == 2_000)
    #expect(fired.allSatisfy { $0.at >= $0.due })
    #expect(fired.filter { $0.at > $0.due + 17 }.isEmpty)
  }

  @Test func aCancelledTimerIsGoneAtOnce() {
    let wheel = TimerWheel(now: instant(0))
    let tokens = (0..<100).map { wheel.arm(after: .milliseconds($0 * 300), now: instant(0)) {} }
    for token in tokens.shuffled() {
      token.cancel()
      token.cancel()
    }
    #expect(wheel.count == 0)
    #expect(wheel.millisecondsToNext(now: instant(0)) == nil)
  }

  @Test func aTimerMayCancelAnotherThatIsDueInTheSameTurn() async throws {
    try await withLoop { loop in
      let fired = Shared<[Int]>([])
      let ended: Bool = await on(loop) { done in
        nonisolated(unsafe) var second: TimerToken?
        loop.schedule(after: .milliseconds(10)) {
          fired.change { $0.append(1) }
          second?.cancel()
        }
        second = loop.schedule(after: .milliseconds(10)) { fired.change { $0.append(2) } }
        loop.schedule(after: .milliseconds(40)) { done(true) }
      }
      #expect(ended)
      #expect(fired.value == [1])
    }
  }

  @Test func aTimerArmedAfterALongJobIsNotEarly() async throws {
    try await withLoop { loop in
      let early: Bool = await on(loop) { done in
        let stalled = MonotonicInstant.now.advanced(by: .milliseconds(60))
        while MonotonicInstant.now < stalled {}
        let armed = MonotonicInstant.now
        loop.schedule(after: .milliseconds(30)) {
          done(armed.duration(to: .now) < .milliseconds(30))
        }
      }
      #expect(!early)
    }
  }

  @Test func cancellingASleepEndsItAtOnce() async throws {
    try await withLoop { loop in
      let task = loop.spawn(name: "sleeper") {
        await #expect(throws: CancellationError.self) { try await loop.sleep(for: .seconds(600)) }
      }
      while await on(loop, { $0(loop.wheel.count) }) == 0 {}
      task.cancel()
      await task.value
      #expect(await on(loop) { done in loop.execute { done(loop.wheel.count) } } == 0)
    }
  }

  @Test func extremeLengthsSaturate() {
    let far = Duration(secondsComponent: .max, attosecondsComponent: 0)
    #expect(MonotonicInstant.now.advanced(by: far).nanoseconds == .max)
    #expect(far.wholeMillisecondsRoundedUp > 0)
    let wheel = TimerWheel(now: instant(5))
    _ = wheel.arm(after: far, now: instant(5)) {}
    #expect(wheel.expire(now: instant(100_000)).isEmpty)
    #expect((wheel.millisecondsToNext(now: instant(100_000)) ?? 0) > 0)
  }
}
