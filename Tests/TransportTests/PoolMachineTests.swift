import Testing

@testable import Transport

struct PoolMachineTests {
  private static func machine(_ addresses: Int = 2, waitingMax: Int = 8) -> PoolMachine {
    var limits = TransportLimits()
    limits.waitingCallsMax = waitingMax
    return PoolMachine(addresses: addresses, limits: limits)
  }

  @Test func callsBeforeTheStartWait() {
    var pool = Self.machine()
    #expect(pool.request(call: 1, waitsForReady: false) == [])
    #expect(pool.start() == [.connect(address: 0), .connect(address: 1)])
    #expect(pool.connected(address: 1, limit: 10) == [.start(call: 1, address: 1)])
  }

  @Test func aCallFailsOnlyWhenNoAddressHasHope() {
    var pool = Self.machine()
    _ = pool.start()
    #expect(pool.request(call: 1, waitsForReady: false) == [])
    #expect(pool.request(call: 2, waitsForReady: true) == [])
    #expect(
      pool.connectFailed(address: 0, jitter: 0.5) == [.retry(address: 0, afterMilliseconds: 100)])
    #expect(
      pool.connectFailed(address: 1, jitter: 0.5)
        == [.retry(address: 1, afterMilliseconds: 100), .fail(call: 1, .noConnection)])
    #expect(pool.request(call: 3, waitsForReady: false) == [.fail(call: 3, .noConnection)])
    #expect(pool.retryDue(address: 0) == [.connect(address: 0)])
    #expect(pool.connected(address: 0, limit: 1) == [.start(call: 2, address: 0)])
  }

  @Test func pausesGrowToTheirLimit() {
    var pool = Self.machine(1)
    _ = pool.start()
    var pauses: [Int] = []
    for _ in 0..<20 {
      for case .retry(_, let pause) in pool.connectFailed(address: 0, jitter: 0.5) {
        pauses.append(pause)
      }
      _ = pool.retryDue(address: 0)
    }
    #expect(pauses.prefix(3) == [100, 160, 256])
    #expect(pauses.last == 20_000)
    #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test func callsGoRoundAndWaitForRoom() {
    var pool = Self.machine()
    _ = pool.start()
    _ = pool.connected(address: 0, limit: 2)
    _ = pool.connected(address: 1, limit: 1)
    let taken = (0..<3).map { _ in pool.takeReady() }
    #expect(taken == [0, 1, 0])
    #expect(pool.takeReady() == nil)
    #expect(pool.request(call: 9, waitsForReady: false) == [])
    #expect(pool.freed(address: 1, limit: 1) == [.start(call: 9, address: 1)])
  }

  @Test func theQueueIsBounded() {
    var pool = Self.machine(1, waitingMax: 1)
    _ = pool.start()
    #expect(pool.request(call: 1, waitsForReady: true) == [])
    #expect(pool.request(call: 2, waitsForReady: true) == [.fail(call: 2, .queueFull)])
    pool.cancel(call: 1)
    #expect(pool.request(call: 3, waitsForReady: true) == [])
  }

  @Test func anEndedConnectionIsReopenedByTheNextCall() {
    var pool = Self.machine(1)
    _ = pool.start()
    _ = pool.connected(address: 0, limit: 1)
    #expect(pool.ended(address: 0) == [])
    #expect(pool.takeReady() == nil)
    #expect(pool.request(call: 1, waitsForReady: false) == [.connect(address: 0)])
    #expect(pool.connected(address: 0, limit: 1) == [.start(call: 1, address: 0)])
    // A call of the old connection that ends now must not free room on the new one twice.
    #expect(pool.takeReady() == nil)
  }

  @Test func aShutdownFailsWhoWaitsAndConnectsNoMore() {
    var pool = Self.machine(1)
    _ = pool.start()
    _ = pool.request(call: 1, waitsForReady: true)
    #expect(pool.shutDown() == [.fail(call: 1, .shutDown)])
    #expect(pool.request(call: 2, waitsForReady: true) == [.fail(call: 2, .shutDown)])
    _ = pool.connectFailed(address: 0, jitter: 0)
    #expect(pool.retryDue(address: 0) == [])
  }
}

struct ConnectionTimersTests {
  private static let second: Int64 = 1_000_000_000

  private static func timers(jitter: Double = 0.5) -> ConnectionTimers {
    ConnectionTimers(limits: TransportLimits(), drainsByItself: true, jitter: jitter, now: 0)
  }

  @Test func aHandshakeHasTenSeconds() {
    var timers = Self.timers()
    #expect(timers.tick(now: 10 * Self.second - 1, hasCalls: false) == .none)
    #expect(timers.tick(now: 10 * Self.second, hasCalls: false) == .cut(.handshake))
  }

  @Test func silenceIsPingedOnceAndThenCut() {
    var timers = Self.timers()
    timers.established(now: 0)
    #expect(timers.tick(now: 30 * Self.second, hasCalls: true) == .ping)
    #expect(timers.tick(now: 31 * Self.second, hasCalls: true) == .none)
    #expect(timers.tick(now: 40 * Self.second, hasCalls: true) == .cut(.keepalive))
    timers.received(now: 39 * Self.second)
    #expect(timers.tick(now: 41 * Self.second, hasCalls: true) == .none)
  }

  @Test func idleAndOldConnectionsDrain() {
    var timers = Self.timers()
    timers.established(now: 0)
    timers.received(now: 299 * Self.second)
    #expect(timers.tick(now: 300 * Self.second, hasCalls: true) == .none)
    #expect(timers.tick(now: 300 * Self.second, hasCalls: false) == .drain)
    timers.received(now: 1799 * Self.second)
    #expect(timers.tick(now: 1800 * Self.second, hasCalls: true) == .drain)
    timers.draining(now: 1800 * Self.second)
    timers.received(now: 1829 * Self.second)
    #expect(timers.tick(now: 1829 * Self.second, hasCalls: true) == .none)
    #expect(timers.tick(now: 1830 * Self.second, hasCalls: true) == .cut(.grace))
  }

  @Test func aTokenBucketRefillsToItsBurst() {
    var bucket = TokenBucket(burst: 2, perSecond: 1)
    let times = [0, 0, 0, 1, 1, 100, 100, 100].map { $0 * Self.second }
    let taken = times.map { bucket.take(atNanoseconds: $0) }
    #expect(taken == [true, true, false, true, false, true, true, false])
  }
}
