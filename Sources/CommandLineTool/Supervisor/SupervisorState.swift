import Glibc

/// The supervisor as other commands see it: its process, its plan, what it reports.
struct SupervisorState: Sendable {
  /// One running process: its id is only meaningful together with its start.
  struct Owner: Codable, Sendable {
    var pid: Int32
    var startTicks: UInt64
    /// Facts about the executable it was started from.
    var program: String
  }

  /// A program that ended this often while it was waited for will not become ready.
  static let restartsBeforeGivingUp = 3

  let checkout: Checkout

  /// The running supervisor, or nil.
  func owner() throws -> Owner? {
    guard let text = try Files.read(checkout.supervisorFile),
      let owner = try? JSONText.decode(Owner.self, from: text),
      Spawn.isAlive(owner.pid, startTicks: owner.startTicks)
    else { return nil }
    return owner
  }

  /// The last report; empty where there is none. True only while the supervisor runs.
  func reports() throws -> [ProcessReport] {
    guard let text = try Files.read(checkout.stateFile),
      let reports = try? JSONText.decode([ProcessReport].self, from: text)
    else { return [] }
    return reports
  }

  /// Makes `plan` the supervisor's, starting it where it does not run.
  func apply(_ plan: [ProcessSpecification]) async throws {
    let text = try JSONText.encode(plan, pretty: true)
    let isChanged = try Files.read(checkout.planFile) != text
    if isChanged { try Files.write(text, to: checkout.planFile) }
    let program = Files.fingerprint(checkout.program("tender")) ?? ""
    if let owner = try owner() {
      if owner.program == program {
        // A new plan, or the same once more for what has failed: it is tried at once.
        let isWhole = try reports().allSatisfy { $0.state == "ready" }
        if isChanged || !isWhole { kill(owner.pid, SIGHUP) }
        return
      }
      // Another build of the supervisor: its children cannot change hands.
      try await stop()
    }
    try await stopLeftovers()
    let pid = try Spawn.start(
      [checkout.program("tender"), "supervise"], directory: checkout.root,
      log: checkout.log("supervisor"), detached: true)
    try await wait(forSeconds: 10, "the supervisor did not start", log: "supervisor") {
      try owner()?.pid == pid
    }
  }

  /// Ends the supervisor and with it everything, in reverse order.
  func stop() async throws {
    guard let owner = try owner() else { return try await stopLeftovers() }
    kill(owner.pid, SIGTERM)
    try await wait(forSeconds: 90, "the supervisor does not end", log: "supervisor") {
      !Spawn.isAlive(owner.pid, startTicks: owner.startTicks)
    }
    try await stopLeftovers()
  }

  /// Ends what a supervisor that was killed left running.
  private func stopLeftovers() async throws {
    let left = try reports().compactMap { report -> (pid: Int32, ticks: UInt64)? in
      guard let pid = report.pid, let ticks = report.startTicks,
        Spawn.isAlive(pid, startTicks: ticks)
      else { return nil }
      return (pid, ticks)
    }
    // Services drain on SIGTERM; PostgreSQL ends without waiting for clients on SIGINT.
    for (index, process) in left.enumerated().reversed() {
      kill(process.pid, index == 0 ? SIGINT : SIGTERM)
    }
    let end = MonotonicClock.milliseconds + 30_000
    for process in left {
      while Spawn.isAlive(process.pid, startTicks: process.ticks) {
        if MonotonicClock.milliseconds > end { kill(process.pid, SIGKILL) }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// Waits until exactly this plan runs: each program is ready as the plan has it, and no other is
  /// left.
  func waitReady(_ plan: [ProcessSpecification], forSeconds seconds: Int64) async throws {
    let versions = Dictionary(plan.map { ($0.name, $0.version) }, uniquingKeysWith: { $1 })
    try await waitReady(plan.map(\.name), forSeconds: seconds) { reports in
      reports.allSatisfy { versions[$0.name] == $0.version }
    }
  }

  /// Waits until every named program is ready.
  /// - Parameter isThis: whether it is what is waited for that was reported.
  /// - Throws: as soon as one of them keeps failing.
  func waitReady(
    _ names: [String], forSeconds seconds: Int64,
    isThis: ([ProcessReport]) -> Bool = { _ in true }
  ) async throws {
    let before = Dictionary(
      try reports().map { ($0.name, $0.restarts) }, uniquingKeysWith: { first, _ in first })
    try await wait(forSeconds: seconds, try notReady(names), log: "supervisor") {
      guard try owner() != nil else {
        throw Failure("the supervisor ended", next: "see \(checkout.log("supervisor"))")
      }
      let reports = try reports()
      for report in reports where names.contains(report.name) && report.state == "backing-off" {
        let tries = report.restarts - (before[report.name] ?? 0)
        if tries >= Self.restartsBeforeGivingUp { throw failing(report) }
      }
      return isThis(reports)
        && names.allSatisfy { name in
          reports.contains { $0.name == name && $0.state == "ready" }
        }
    }
  }

  /// Names those that are not ready, and what they do instead.
  private func notReady(_ names: [String]) throws -> String {
    let reports = try reports()
    let states = names.map { name in (name, reports.first { $0.name == name }?.state ?? "absent") }
    let open = states.filter { $0.1 != "ready" }.map { "\($0.0) is \($0.1)" }
    return "not everything became ready (\(open.joined(separator: ", ")))"
  }

  private func failing(_ report: ProcessReport) -> Failure {
    let log = checkout.log(report.name)
    let text = (try? Files.read(log)) ?? ""
    let last = text.split(separator: "\n").last.map(String.init) ?? "its log is empty"
    return Failure("\(report.name) does not stay up (\(report.lastExit ?? "?")): \(last)", next: log)
  }

  private func wait(
    forSeconds seconds: Int64, _ what: @autoclosure () throws -> String, log: String, _ condition: () throws -> Bool
  ) async throws {
    let end = MonotonicClock.milliseconds + seconds * 1000
    while try !condition() {
      guard MonotonicClock.milliseconds < end else {
        throw Failure("\(try what()) within \(seconds) s", next: "see \(checkout.log(log))")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
