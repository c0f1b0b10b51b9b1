import Glibc

/// Breaks programs of the deployment that the supervisor runs, one at a time by its process id.
struct Outage: Sendable {
  /// A program that is just restarting is waited for.
  static let readyMilliseconds: Int64 = 20_000
  static let pause: Duration = .milliseconds(20)

  /// One process: its id only means it together with its start.
  struct Victim: Sendable, Equatable {
    let pid: Int32
    let startTicks: UInt64?

    var isAlive: Bool { Spawn.isAlive(pid, startTicks: startTicks) }

    /// - Returns: whether it was there to get it.
    @discardableResult
    func signal(_ number: Int32) -> Bool { isAlive && Glibc.kill(pid, number) == 0 }
  }

  let supervisor: SupervisorState

  /// kill -9, once the program is ready.
  func kill(_ name: String) async throws {
    _ = try await signal(name, SIGKILL)
  }

  /// SIGSTOP, once the program is ready; whoever holds the answer must `resume` it.
  func stop(_ name: String) async throws -> Victim {
    try await signal(name, SIGSTOP)
  }

  /// SIGCONT; one that has been killed meanwhile is gone.
  func resume(_ victim: Victim) { victim.signal(SIGCONT) }

  /// PostgreSQL's immediate shutdown: no checkpoint, clients cut off.
  func stopDatabase() async throws {
    _ = try await signal("postgres", SIGQUIT)
  }

  private func signal(_ name: String, _ number: Int32) async throws -> Victim {
    let end = MonotonicClock.milliseconds + Self.readyMilliseconds
    while MonotonicClock.milliseconds < end {
      let report = try supervisor.reports().first { $0.name == name }
      if let report, report.state == "ready", let pid = report.pid {
        let victim = Victim(pid: pid, startTicks: report.startTicks)
        if victim.signal(number) { return victim }
      }
      try await Task.sleep(for: Self.pause)
    }
    throw Failure("\(name) does not run", next: "see tender status")
  }

  /// Outages are only fair to what runs.
  static func requireReady(_ checkout: Checkout) throws {
    try checkout.requireDeployed()
    let absent = try absent(SupervisorState(checkout: checkout))
    guard absent.isEmpty else {
      throw Failure("not ready: \(absent.joined(separator: ", "))", next: "run deploy/up")
    }
  }

  /// The programs that are not ready.
  static func absent(_ supervisor: SupervisorState) throws -> [String] {
    let reports = try supervisor.reports()
    let endpoints = try Endpoints.load(supervisor.checkout)
    let needed =
      PlatformService.allCases.flatMap { endpoints.replicas(of: $0).map(\.name) }
      + ["gateway-sim", "postgres"]
    return needed.filter { name in
      !reports.contains { $0.name == name && $0.state == "ready" }
    }
  }
}
