import ArgumentParser
import CLaunch
import Glibc

/// Brings the deployment of this checkout up; everything it needs is made where it is missing.
struct Up: Command {
  static let configuration = CommandConfiguration(
    abstract: "Start everything: database, certificates, migrations, services.")
  /// With the demo, which is the last. deploy/up reads this line, to count its own steps in.
  static let steps = 9
  static let readySeconds: Int64 = 60
  static let leastFreeBytes: Int64 = 1 << 30

  @OptionGroup var common: CommonOptions
  @Option(help: "Processes of each service, 1 to \(Replica.countMax); as before without it.")
  var replicas: Int?
  @Flag(help: "End with `tender demo`, unless these executables have passed it before.")
  var demo = false

  struct Answer: Encodable {
    let checkout: String
    let services: [String: Endpoints.Address]
    let logs: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...Replica.countMax).contains(replicas ?? 1) else {
      throw Failure("--replicas is 1 to \(Replica.countMax)", next: "", status: .usage)
    }
    let checkout = try Checkout.find()
    try checkout.prepare()
    try checkout.lock()
    tender_end_on_signals("tender: interrupted; run it again, it goes on from here\n")
    try Self.checkSpace(checkout)
    try Plan.requirePrograms(checkout)
    let done = getenv("TENDER_STEPS_DONE").flatMap { Int(String(cString: $0)) } ?? 0
    var progress = Progress(total: demo ? Self.steps : Self.steps - 1, done: done, output: output)
    let supervisor = SupervisorState(checkout: checkout)

    let isRunning = try supervisor.owner() != nil
    var endpoints = try Endpoints.load(checkout)
    try await progress.step("Choosing free ports") {
      let before = endpoints
      try Self.choosePorts(
        &endpoints, checkout, replicas: replicas ?? before.replicas, isRunning: isRunning)
      try endpoints.save(checkout)
      return before == endpoints ? "kept" : "chosen"
    }
    let port = endpoints.addresses["postgres"]?.port ?? 0
    let cluster = try await Cluster.find(checkout, port: port)
    let deployment = Deployment(checkout: checkout, cluster: cluster, endpoints: endpoints)

    try await progress.step("PostgreSQL cluster") {
      let password = try checkout.makeSecret(Cluster.superuser)
      try Files.write("*:*:*:\(Cluster.superuser):\(password)\n", to: checkout.secret("pgpass"))
      return try await cluster.create(checkout)
    }
    try await progress.step("Certificates") {
      let changed = try await Certificates.renew(checkout)
      return changed.isEmpty ? "valid" : "made for \(changed.joined(separator: ", "))"
    }
    let plan = Plan(deployment: deployment)
    try await progress.step("Starting PostgreSQL") {
      let settings = try await cluster.writeSettings(checkout)
      // What already runs keeps running; only the database is needed now.
      if try !supervisor.reports().contains(where: { $0.name == "postgres" }) || !isRunning {
        try await supervisor.apply([plan.postgres(settings: settings)])
      }
      try await supervisor.waitReady(["postgres"], forSeconds: Self.readySeconds)
      try await Self.waitForQueries(cluster, checkout)
      return "port \(cluster.port) in \(cluster.socketDirectory)"
    }
    try await progress.step("Roles and schemas") {
      try await cluster.sql(Roles.database, database: "postgres", checkout)
      let sql = try Roles.statements(Deployment.services) { try checkout.makeSecret($0) }
      try await cluster.sql(sql, database: Cluster.database, checkout)
      for key in Deployment.serviceKeys { try checkout.makeSecret(key) }
      try deployment.writeSettings()
      return "\(Deployment.services.count) services"
    }
    try await progress.step("Migrating") {
      for service in Deployment.services { try await plan.migrate(service) }
      return "done"
    }
    try await progress.step("Starting services") {
      let settings = try await cluster.writeSettings(checkout)
      let services = try plan.services()
      let all = [plan.postgres(settings: settings)] + services
      try await supervisor.apply(all)
      try await supervisor.waitReady(all, forSeconds: Self.readySeconds)
      return "\(services.count) ready"
    }
    try await progress.step("Demo merchant's payment methods") {
      let made = try await ServiceSession.with(checkout) { try await DemoData.register($0) }
      return made.isEmpty ? "kept" : "\(made.count) registered"
    }
    if demo { try await Self.demonstrate(Deployment.build(of: checkout), &progress, checkout, output) }
    try output.result(
      Answer(checkout: checkout.root, services: endpoints.addresses, logs: checkout.logs)
    ) { Self.closingLines(checkout) }
    return .succeeded
  }

  static func closingLines(_ checkout: Checkout) -> [String] {
    [
      "", "Put the command on your PATH:", "  export PATH=\"\(checkout.programs):$PATH\"",
      "Try:", "  tender pay 49.99 EUR --method card_visa", "  tender status", "  tender doctor",
      "Logs: \(checkout.logs)",
    ]
  }

  /// Runs the demo until it has passed once with these executables.
  /// - Throws: `Failure` with exit code 1 where its books differ.
  private static func demonstrate(
    _ build: String, _ progress: inout Progress, _ checkout: Checkout, _ output: Output
  ) async throws {
    let passed = try Files.read(checkout.demoFile) == build
    guard !passed else {
      return try await progress.step("Demo") { "passed before with these executables" }
    }
    progress.begin("Demo: payments while gateways swallow answers and services are killed")
    var part = output
    part.isSilent = output.json
    guard try await DemoCommand.parse([]).perform(part) == .succeeded else {
      throw Failure(
        "the demo's books do not agree",
        next: "see its lines above, `tender show` of a payment, and \(checkout.logs)",
        status: .differs)
    }
    try Files.write(build, to: checkout.demoFile)
  }

  private static func checkSpace(_ checkout: Checkout) throws {
    guard let free = Files.freeBytes(checkout.home), free < leastFreeBytes else { return }
    throw Failure(
      "only \(free >> 20) MiB free under \(checkout.home)",
      next: "free some space; \(leastFreeBytes >> 20) MiB are needed")
  }

  /// While the supervisor runs, its ports are taken by the services themselves.
  private static func choosePorts(
    _ endpoints: inout Endpoints, _ checkout: Checkout, replicas: Int, isRunning: Bool
  ) throws {
    let kept = Set(endpoints.addresses.values.map(\.port))
    let seed = UInt64(checkout.hash, radix: 16) ?? 0
    let names = Deployment.endpointNames(replicas: replicas) + ["postgres"]
    try endpoints.assign(names, seed: seed) { port in
      if port == Cluster.conventionalPort { return true }
      return isRunning && kept.contains(port) ? false : Endpoints.isTaken(port)
    }
  }

  private static func waitForQueries(_ cluster: Cluster, _ checkout: Checkout) async throws {
    let end = MonotonicClock.milliseconds + readySeconds * 1000
    while try await !cluster.answers(checkout) {
      guard MonotonicClock.milliseconds < end else {
        throw Failure("PostgreSQL takes no queries", next: "see \(checkout.log("postgres"))")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
