import GRPCCore
import Glibc
import Reactor
import Wire

/// Processes of the ledger beside the deployment's, on a database that exists for a bench: the
/// deployment's program, certificate and role. They end with the bench, also when that is killed.
struct LedgerReplicas: Sendable {
  /// What each may pool. The role's limit is shared with the deployment's own process, and a batch
  /// writer uses two.
  static let connections = 2
  static let readyLimit: Duration = .seconds(30)
  static let stopLimit: Duration = .seconds(15)
  static let lookPause: Duration = .milliseconds(100)
  static let lookLimit: Duration = .seconds(2)

  let session: ServiceSession
  let deployment: Deployment
  let database: String
  let count: Int

  private var checkout: Checkout { session.checkout }

  private static var ledger: ServiceDescription {
    get throws {
      guard let ledger = Deployment.services.first(where: { $0.name == "ledger" }) else {
        throw Failure("there is no ledger", next: "")
      }
      return ledger
    }
  }

  /// Brings the database's schema up to date.
  static func migrate(_ database: String, _ deployment: Deployment) async throws {
    let file = "\(deployment.checkout.settings)/\(database).migrate.conf"
    defer { unlink(file) }
    try write(deployment.migrationSettings(try ledger), of: database, to: file)
    try await Shell.check(
      "migrating \(database)", deployment.checkout.program("ledger"),
      ["migrate", "--settings", file], directory: deployment.checkout.root)
  }

  /// Runs the processes while `body` does, which is given a client of each.
  func with<Result>(
    _ body: ([ServiceSession.Client]) async throws -> Result
  ) async throws -> Result {
    guard deployment.endpoints.replicas == 1 else {
      throw Failure(
        "the ledger's role has no connections left for a bench", next: "tender up --replicas 1",
        status: .usage)
    }
    var processes: [pid_t] = []
    var clients: [ServiceSession.Client] = []
    do {
      for address in try freeAddresses() {
        processes.append(try await start(address, number: processes.count + 1))
        clients.append(try client(of: address))
      }
      for client in clients { try await waitReady(client) }
      let result = try await body(clients)
      await stop(processes, clients)
      return result
    } catch {
      await stop(processes, clients)
      throw error
    }
  }

  private func freeAddresses() throws -> [Endpoints.Address] {
    let known = Set(deployment.endpoints.addresses.values.map(\.port))
    let free = Endpoints.ports.reversed().lazy
      .filter { !known.contains($0) && !Endpoints.isTaken($0) }
      .prefix(count).map { Endpoints.Address(host: "127.0.0.1", port: $0) }
    guard free.count == count else {
      throw Failure("no free ports from 20000 to 29999", next: "stop something and try again")
    }
    return Array(free)
  }

  private func settingsFile(_ number: Int) -> String {
    "\(checkout.settings)/\(database)-\(number).conf"
  }

  private func start(_ address: Endpoints.Address, number: Int) async throws -> pid_t {
    let ledger = try Self.ledger
    var settings = deployment.settings(ledger).filter {
      $0.key != "listen" && $0.key != "postgres.connections"
    }
    settings += [
      ("listen", "\(address.host):\(address.port)"),
      ("postgres.connections", String(Self.connections)),
    ]
    let file = settingsFile(number)
    try Self.write(settings, of: database, to: file)
    // The signal comes when the thread that started it ends: the loop's, which lives as long as the
    // bench.
    let command = [
      "setpriv", "--pdeathsig", "TERM", "--", checkout.program(ledger.name), "run", "--settings",
      file,
    ]
    let log = checkout.log(database)
    return try await withTaskExecutorPreference(session.loop) {
      try Spawn.start(command, directory: checkout.root, log: log, detached: false)
    }
  }

  private static func write(
    _ settings: [(key: String, value: String)], of database: String, to file: String
  ) throws {
    let lines =
      settings.filter { $0.key != "postgres.database" } + [("postgres.database", database)]
    try Files.write(lines.map { "\($0.key) = \($0.value)\n" }.joined(), to: file)
  }

  private func client(of address: Endpoints.Address) throws -> ServiceSession.Client {
    let connection = ServiceConnection(
      .ledger, listeningAt: [address], as: .operator, in: checkout)
    let client = ServiceSession.Client(transport: try connection.transport(on: session.loop))
    session.loop.spawn(name: "bench connections") {
      // A failure here fails every call of this client, which says why.
      do { try await client.runConnections() } catch { client.beginGracefulShutdown() }
    }
    return client
  }

  private func waitReady(_ client: ServiceSession.Client) async throws {
    let end = MonotonicClock.milliseconds + Self.readyLimit.components.seconds * 1000
    while !(await isServing(client)) {
      guard MonotonicClock.milliseconds < end else {
        throw Failure("a ledger of the bench does not serve", next: "see \(checkout.log(database))")
      }
      try await session.loop.sleep(for: Self.lookPause)
    }
  }

  private func isServing(_ client: ServiceSession.Client) async -> Bool {
    do {
      return try await Deadline.$current.withValue(.after(Self.lookLimit)) {
        try await GRPCHealthV1.Health.Client(wrapping: client)
          .check(GRPCHealthV1.HealthCheckRequest()).status == .serving
      }
    } catch {
      // No answer is an answer: it is asked again.
      return false
    }
  }

  private func stop(_ processes: [pid_t], _ clients: [ServiceSession.Client]) async {
    for client in clients { client.beginGracefulShutdown() }
    for process in processes { kill(process, SIGTERM) }
    let end = MonotonicClock.milliseconds + Self.stopLimit.components.seconds * 1000
    for (index, process) in processes.enumerated() {
      var status: Int32 = 0
      while waitpid(process, &status, WNOHANG) == 0 {
        if MonotonicClock.milliseconds > end { kill(process, SIGKILL) }
        // Only a loop that has stopped throws; then the signal above has come.
        try? await session.loop.sleep(for: Self.lookPause)
      }
      unlink(settingsFile(index + 1))
    }
  }
}
