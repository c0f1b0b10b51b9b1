import Testing

@testable import Postgres

@Suite("Session machine")
struct SessionMachineTests {
  typealias Machine = SessionMachine<Int>

  private func key(_ text: String) -> StatementKey { StatementKey(text: text, types: []) }

  private func submit(
    _ machine: inout Machine,
    _ unit: Int,
    _ texts: [String],
    mayDeallocate: Bool = true
  ) -> [Machine.Call] {
    var calls: [Machine.Call] = []
    machine.submit(unit, keys: texts.map(key), mayDeallocate: mayDeallocate, calls: &calls)
    return calls
  }

  /// Feeds results and names the effects.
  private func feed(_ machine: inout Machine, _ results: [Machine.Result]) -> [String] {
    results.compactMap { result in
      switch machine.receive(result) {
      case .ignore: nil
      case .rows(let unit): "rows \(unit)"
      case .fail(let unit): "fail \(unit)"
      case .finish(let unit): "finish \(unit)"
      case .close: "close"
      }
    }
  }

  private let failure = Machine.Result.failure(isStale: false, isFatal: false)

  @Test("A text is prepared once; every unit ends in its own sync")
  func preparesOnce() {
    var machine = Machine(cacheCapacity: 8)
    #expect(
      submit(&machine, 1, ["a"])
        == [.prepare(number: 1, statement: 0), .execute(number: 1, statement: 0), .sync]
    )
    #expect(submit(&machine, 2, ["a"]) == [.execute(number: 1, statement: 0), .sync])
    #expect(
      feed(&machine, [.success, .end, .success, .end, .sync, .success, .end, .sync])
        == ["rows 1", "finish 1", "rows 2", "finish 2"]
    )
    #expect(machine.isIdle)
  }

  @Test("A failed preparation is forgotten, and fails its unit only")
  func failedPreparation() {
    var machine = Machine(cacheCapacity: 8)
    _ = submit(&machine, 1, ["bad"])
    _ = submit(&machine, 2, ["good"])
    #expect(
      feed(
        &machine,
        [failure, .end, .skipped, .end, .sync, .success, .end, .success, .end, .sync]
      )
        == ["fail 1", "finish 1", "rows 2", "finish 2"]
    )
    #expect(submit(&machine, 3, ["bad"]).first == .prepare(number: 3, statement: 0))
  }

  @Test("Statements skipped after an error are prepared again next time")
  func skippedPreparation() {
    var machine = Machine(cacheCapacity: 8)
    _ = submit(&machine, 1, ["a", "b"])
    #expect(
      feed(
        &machine,
        [.success, .end, failure, .end, .skipped, .end, .skipped, .end, .sync]
      )
        == ["fail 1", "finish 1"]
    )
    #expect(
      submit(&machine, 2, ["a", "b"]) == [
        .execute(number: 1, statement: 0), .prepare(number: 3, statement: 1),
        .execute(number: 3, statement: 1), .sync,
      ]
    )
  }

  @Test("The longest unused statement goes, but never inside a transaction")
  func surplus() {
    var machine = Machine(cacheCapacity: 2)
    for (unit, text) in ["a", "b", "c"].enumerated() { _ = submit(&machine, unit, [text]) }
    _ = submit(&machine, 3, ["b"], mayDeallocate: false)
    #expect(
      submit(&machine, 4, ["b"]) == [
        .deallocate(number: 1), .sync, .execute(number: 2, statement: 0), .sync,
      ]
    )
    #expect(machine.preparedCount == 2)
  }

  @Test("A stale statement is dropped on the server and prepared again")
  func stale() {
    var machine = Machine(cacheCapacity: 8)
    _ = submit(&machine, 1, ["a"])
    _ = feed(&machine, [.success, .end, .success, .end, .sync])
    _ = submit(&machine, 2, ["a"])
    _ = feed(&machine, [.failure(isStale: true, isFatal: false), .end, .sync])
    #expect(
      submit(&machine, 3, ["a"]) == [
        .deallocate(number: 1), .sync, .prepare(number: 2, statement: 0),
        .execute(number: 2, statement: 0), .sync,
      ]
    )
  }

  @Test(
    "What breaks the order, or is fatal, closes the connection",
    arguments: [
      [Machine.Result.sync], [.end], [.failure(isStale: false, isFatal: true)],
    ]
  )
  func closes(results: [Machine.Result]) {
    var machine = Machine(cacheCapacity: 8)
    _ = submit(&machine, 1, ["a"])
    #expect(feed(&machine, results) == ["close"])
    #expect(machine.abandon() == [1])
  }

  @Test("A result that nobody asked for closes the connection")
  func unasked() {
    var machine = Machine(cacheCapacity: 8)
    #expect(feed(&machine, [.success]) == ["close"])
  }
}

@Suite("Pool machine")
struct PoolMachineTests {
  private typealias Machine = PoolMachine<String>

  @Test("Opens on demand up to the maximum, then queues, then refuses")
  func bounds() {
    var pool = Machine(connectionsMin: 0, connectionsMax: 1, waitersMax: 2)
    #expect(pool.start().isEmpty)
    #expect(pool.acquire("a") == [.open(1)])
    #expect(pool.acquire("b").isEmpty)
    #expect(pool.acquire("c") == [.refuse("c")])
    #expect(pool.opened(1) == [.lease(1, "a")])
    #expect(pool.released(1, isReusable: true) == [.lease(1, "b")])
    #expect(pool.released(1, isReusable: true).isEmpty)
    #expect(pool.acquire("d") == [.lease(1, "d")])
  }

  @Test("A connection that comes back inside a transaction is closed and replaced")
  func notIdle() {
    var pool = Machine(connectionsMin: 0, connectionsMax: 1, waitersMax: 2)
    _ = pool.acquire("a")
    _ = pool.opened(1)
    _ = pool.acquire("b")
    #expect(pool.released(1, isReusable: false) == [.close(1), .open(2)])
    #expect(pool.opened(2) == [.lease(2, "b")])
  }

  @Test("A cancelled waiter is not served; its connection is kept for the next")
  func cancelled() {
    var pool = Machine(connectionsMin: 0, connectionsMax: 1, waitersMax: 2)
    _ = pool.acquire("a")
    #expect(pool.cancel("a") == true)
    #expect(pool.cancel("a") == false)
    #expect(pool.opened(1).isEmpty)
    #expect(pool.idleCount == 1)
  }

  @Test("After a failure nothing is opened until the pause is over")
  func pauses() {
    var pool = Machine(connectionsMin: 2, connectionsMax: 2, waitersMax: 2)
    #expect(pool.start() == [.open(1), .open(2)])
    #expect(pool.openingFailed(1) == [.pause(attempt: 1)])
    #expect(pool.openingFailed(2).isEmpty)
    #expect(pool.acquire("a").isEmpty)
    #expect(pool.retry() == [.open(3), .open(4)])
    #expect(pool.opened(3) == [.lease(3, "a")])
  }

  @Test("A lost connection is replaced; its late return changes nothing")
  func lost() {
    var pool = Machine(connectionsMin: 1, connectionsMax: 1, waitersMax: 2)
    _ = pool.start()
    _ = pool.opened(1)
    _ = pool.acquire("a")
    #expect(pool.closed(1) == [.open(2)])
    #expect(pool.released(1, isReusable: false).isEmpty)
    #expect(pool.connectionCount == 1)
  }

  @Test("Shutting down refuses who waits and closes what comes back")
  func shutDown() {
    var pool = Machine(connectionsMin: 0, connectionsMax: 1, waitersMax: 2)
    _ = pool.acquire("a")
    _ = pool.opened(1)
    _ = pool.acquire("b")
    #expect(pool.shutDown() == [.refuse("b")])
    #expect(pool.released(1, isReusable: true) == [.close(1)])
    #expect(pool.acquire("c") == [.refuse("c")])
  }

  @Test("No sequence of events leases one connection twice or exceeds a bound")
  func property() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var pool = PoolMachine<Int>(connectionsMin: 1, connectionsMax: 3, waitersMax: 4)
      var (opening, leased, nextWaiter) = (Set<Int>(), Set<Int>(), 0)
      func take(_ actions: [PoolMachine<Int>.Action]) {
        for action in actions {
          switch action {
          case .open(let id): opening.insert(id)
          case .lease(let id, _): #expect(leased.insert(id).inserted)
          case .close(let id): leased.remove(id)
          case .refuse, .pause: break
          }
        }
        #expect(pool.connectionCount <= 3 && pool.waitingCount <= 4)
        #expect(pool.leasedCount == leased.count)
      }
      take(pool.start())
      for _ in 0..<100 {
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
          nextWaiter += 1
          take(pool.acquire(nextWaiter))
        case 2: if let id = opening.popFirst() { take(pool.opened(id)) }
        case 3: if let id = opening.popFirst() { take(pool.openingFailed(id) + pool.retry()) }
        case 4:
          if let id = leased.popFirst() { take(pool.released(id, isReusable: .random())) }
        default: if let id = leased.popFirst() { take(pool.closed(id)) }
        }
      }
    }
  }
}

@Suite("Migration plan")
struct MigrationPlanTests {
  private func migration(_ number: Int, _ sum: String = "x") -> Migration {
    Migration(number: number, name: "step", up: "", check: "", checksum: sum)
  }

  private func applied(_ number: Int, _ sum: String = "x") -> AppliedMigration {
    AppliedMigration(number: number, name: "step", checksum: sum)
  }

  @Test("What is applied is left out")
  func pending() throws {
    let plan = try MigrationPlan(
      schema: "s",
      known: [migration(1), migration(2)],
      applied: [applied(1)]
    )
    #expect(plan.pending.map(\.number) == [2])
  }

  @Test("Gaps, changes and newer schemas are refused in one line")
  func refusals() {
    let cases: [([Migration], [AppliedMigration], String)] = [
      ([migration(2)], [], "numbered"),
      ([migration(1)], [applied(1), applied(2)], "newer than this executable"),
      ([migration(1), migration(2)], [applied(2)], "lacks migration 1"),
      ([migration(1)], [applied(1, "y")], "was changed"),
    ]
    for (known, old, expected) in cases {
      do {
        _ = try MigrationPlan(schema: "s", known: known, applied: old)
        Issue.record("accepted: \(expected)")
      } catch {
        #expect(error.code == .migration)
        #expect(error.message.contains(expected))
        #expect(!error.message.contains("\n"))
      }
    }
  }
}
