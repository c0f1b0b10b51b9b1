import ArgumentParser

/// What runs.
struct Status: Command {
  static let configuration = CommandConfiguration(abstract: "Show what runs, and where.")

  @OptionGroup var common: CommonOptions

  struct Row: Encodable {
    let name: String
    let state: String
    let pid: Int32?
    let address: String?
    let restarts: Int
    let upSeconds: Int64?
    let lastExit: String?
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let checkout = try Checkout.find()
    try checkout.requireDeployed()
    let state = SupervisorState(checkout: checkout)
    guard try state.owner() != nil else {
      throw Failure("nothing runs in \(checkout.root)", next: "run deploy/up")
    }
    let endpoints = try Endpoints.load(checkout)
    let now = MonotonicClock.wallMilliseconds
    let rows = try state.reports().map { report in
      Row(
        name: report.name, state: report.state, pid: report.pid,
        address: endpoints.addresses[report.name].map { "\($0.host):\($0.port)" },
        restarts: report.restarts, upSeconds: report.readySince.map { (now - $0) / 1000 },
        lastExit: report.lastExit)
    }
    try output.result(rows) { Self.table(rows) }
    return rows.allSatisfy { $0.state == "ready" } ? .succeeded : .unavailable
  }

  static func table(_ rows: [Row]) -> [String] {
    Table.lines(
      ["service", "state", "address", "process", "up", "restarts", "last end"],
      rows.map {
        [
          $0.name, $0.state, $0.name == "postgres" ? "socket" : $0.address ?? "",
          $0.pid.map(String.init) ?? "", $0.upSeconds.map { "\($0) s" } ?? "",
          String($0.restarts), $0.lastExit ?? "",
        ]
      })
  }
}
