import Glibc
import Testing

@testable import CommandLineTool

/// A program that needs nothing but a name.
private func program(
  _ name: String, after: [String] = [], version: String = "1"
) -> ProcessSpecification {
  ProcessSpecification(
    name: name, command: ["/bin/\(name)"], log: "/log", after: after, stopSignal: SIGTERM,
    stopTimeoutSeconds: 30, version: version)
}

/// Drives the rules as the supervisor does: each spawn is answered with the next process id.
private struct Driver {
  var rules = Supervision()
  var now: Int64 = 0
  var nextPID: Int32 = 100
  var spawned: [String] = []

  mutating func handle(_ event: Supervision.Event) -> [Supervision.Action] {
    var actions = rules.handle(event, at: now)[...]
    var seen: [Supervision.Action] = []
    while let action = actions.popFirst() {
      seen.append(action)
      guard case .spawn(let specification) = action else { continue }
      spawned.append(specification.name)
      nextPID += 1
      actions += rules.handle(.spawned(specification.name, pid: nextPID), at: now)
    }
    return seen
  }

  mutating func run(_ plan: [ProcessSpecification]) {
    _ = handle(.plan(plan))
    for specification in plan { _ = handle(.ready(specification.name)) }
  }

  func pid(_ name: String) -> Int32 {
    rules.entries.first { $0.specification.name == name }?.pid ?? 0
  }
}

@Suite struct SupervisionTests {
  @Test("a program starts only when what it comes after is ready")
  func order() {
    var driver = Driver()
    _ = driver.handle(.plan([program("db"), program("a", after: ["db"])]))
    #expect(driver.spawned == ["db"])
    _ = driver.handle(.ready("db"))
    #expect(driver.spawned == ["db", "a"])
  }

  @Test("programs that become free together are each started once")
  func once() {
    var driver = Driver()
    driver.run([program("db"), program("a", after: ["db"]), program("b", after: ["db"])])
    _ = driver.handle(.tick)
    #expect(driver.spawned == ["db", "a", "b"])
  }

  @Test("pauses grow with each failure, are capped, and are forgotten after a long run")
  func backOff() {
    var driver = Driver()
    driver.run([program("a")])
    var pauses: [Int64] = []
    for _ in 0..<8 {
      _ = driver.handle(.exited(pid: driver.pid("a"), how: "signal 9"))
      guard case .backingOff(let until) = driver.rules.entries[0].phase else {
        Issue.record("not backing off")
        return
      }
      pauses.append(until - driver.now)
      driver.now = until - 1
      #expect(driver.handle(.tick).isEmpty)
      driver.now = until
      #expect(driver.handle(.tick).count == 1)
    }
    let table = Supervision.restartPausesMilliseconds
    #expect(pauses == table + Array(repeating: table[table.count - 1], count: 8 - table.count))

    _ = driver.handle(.ready("a"))
    driver.now += Supervision.forgivenAfterMilliseconds
    _ = driver.handle(.exited(pid: driver.pid("a"), how: "exit 1"))
    #expect(driver.rules.entries[0].phase == .backingOff(until: driver.now + table[0]))
  }

  @Test("everything stops in reverse order, and what hangs is killed")
  func stop() {
    var driver = Driver()
    driver.run([program("db"), program("a", after: ["db"]), program("b", after: ["db"])])
    let (db, a, b) = (driver.pid("db"), driver.pid("a"), driver.pid("b"))
    #expect(driver.handle(.stop) == [.signal(pid: a, SIGTERM), .signal(pid: b, SIGTERM)])
    #expect(driver.handle(.exited(pid: a, how: "exit 0")).isEmpty)
    driver.now += 30_000
    #expect(driver.handle(.tick) == [.kill(pid: b)])
    #expect(driver.handle(.tick).isEmpty)
    #expect(driver.handle(.exited(pid: b, how: "signal 9")) == [.signal(pid: db, SIGTERM)])
    #expect(driver.handle(.exited(pid: db, how: "exit 0")) == [.finished])
  }

  @Test("nothing starts again while everything stops")
  func stopWhileBackingOff() {
    var driver = Driver()
    driver.run([program("a")])
    _ = driver.handle(.exited(pid: driver.pid("a"), how: "exit 1"))
    #expect(driver.handle(.stop) == [.finished])
  }

  @Test("a new version restarts that program only")
  func newVersion() {
    var driver = Driver()
    driver.run([program("db"), program("a", after: ["db"]), program("b", after: ["db"])])
    let (db, a, b) = (driver.pid("db"), driver.pid("a"), driver.pid("b"))
    let plan = [
      program("db"), program("a", after: ["db"], version: "2"), program("b", after: ["db"]),
    ]
    #expect(driver.handle(.plan(plan)) == [.signal(pid: a, SIGTERM)])
    #expect(driver.handle(.exited(pid: a, how: "exit 0")) == [.spawn(plan[1])])
    #expect(driver.pid("db") == db && driver.pid("b") == b && driver.pid("a") != a)
  }

  @Test("a program that left the plan is stopped and forgotten")
  func removed() {
    var driver = Driver()
    driver.run([program("a"), program("b")])
    let b = driver.pid("b")
    #expect(driver.handle(.plan([program("a")])) == [.signal(pid: b, SIGTERM)])
    _ = driver.handle(.exited(pid: b, how: "exit 0"))
    #expect(driver.rules.entries.map(\.specification.name) == ["a"])
  }

  @Test("the same plan changes nothing")
  func samePlan() {
    var driver = Driver()
    let plan = [program("db"), program("a", after: ["db"])]
    driver.run(plan)
    #expect(driver.handle(.plan(plan)).isEmpty)
  }
}
