import Glibc

/// What the supervisor runs for a deployment.
struct Plan: Sendable {
  static let serviceStopSeconds: Int64 = 30
  static let databaseStopSeconds: Int64 = 60

  let deployment: Deployment

  private var checkout: Checkout { deployment.checkout }
  private var cluster: Cluster { deployment.cluster }

  func postgres(settings: String) -> ProcessSpecification {
    let command = cluster.asAccount([cluster.programs + "/postgres", "-D", cluster.data])
    return ProcessSpecification(
      name: "postgres", command: command, log: checkout.log("postgres"),
      readiness: .socket("\(cluster.socketDirectory)/.s.PGSQL.\(cluster.port)"),
      // Fast shutdown: clients are cut off, nothing committed is lost.
      stopSignal: SIGINT, stopTimeoutSeconds: Self.databaseStopSeconds, version: Checksum.text(settings))
  }

  /// - Throws: `Failure` where an executable of this checkout is missing.
  static func requirePrograms(_ checkout: Checkout) throws {
    for service in Deployment.programs where !Files.isExecutable(checkout.program(service.name)) {
      throw Failure(
        "\(checkout.program(service.name)) is missing", next: "run deploy/up, which builds it")
    }
  }

  func services() throws -> [ProcessSpecification] {
    try deployment.replicas.map { replica in
      let service = replica.program
      let settings = deployment.settingsFile(replica)
      let arguments =
        try service.arguments?(deployment) ?? ["run", "--settings", settings]
      let program = Files.fingerprint(checkout.program(service.name)) ?? ""
      return ProcessSpecification(
        name: replica.name,
        command: [checkout.program(service.name)] + arguments,
        directory: checkout.root, log: checkout.log(replica.name),
        readiness: readiness(replica),
        after: service.schema == nil ? [] : ["postgres"], stopSignal: SIGTERM,
        stopTimeoutSeconds: Self.serviceStopSeconds,
        version: Checksum.text("\(program) \(try Files.read(settings) ?? "")"))
    }
  }

  /// A service says itself that it serves; the simulator only listens.
  private func readiness(_ replica: Replica) -> ProcessSpecification.Readiness {
    let port = deployment.endpoints.addresses[replica.name]?.port ?? 0
    return PlatformService(rawValue: replica.program.name).map { .serving($0, port: port) }
      ?? .port(port)
  }

  func migrate(_ service: ServiceDescription) async throws {
    try await Shell.check(
      "migrating \(service.name)", checkout.program(service.name),
      ["migrate", "--settings", deployment.migrationSettingsFile(service)],
      directory: checkout.root)
  }
}
