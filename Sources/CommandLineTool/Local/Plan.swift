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

  /// The programs that exist; an empty seat says no version.
  func presentPrograms() async throws -> Set<String> {
    var present: Set<String> = []
    for service in Deployment.programs where Files.exists(checkout.program(service.name)) {
      let result = try await Shell.run(checkout.program(service.name), [service.probe])
      if result.succeeded && result.output.contains(where: { !$0.isWhitespace }) {
        present.insert(service.name)
      }
    }
    return present
  }

  func services(_ present: Set<String>) throws -> [ProcessSpecification] {
    try Deployment.programs.filter { present.contains($0.name) }.map { service in
      let settings = deployment.settingsFile(service)
      let arguments =
        try service.arguments?(deployment) ?? ["run", "--settings", settings]
      let program = Files.fingerprint(checkout.program(service.name)) ?? ""
      return ProcessSpecification(
        name: service.name,
        command: [checkout.program(service.name)] + arguments,
        directory: checkout.root, log: checkout.log(service.name),
        readiness: .port(deployment.endpoints.addresses[service.name]?.port ?? 0),
        after: service.schema == nil ? [] : ["postgres"], stopSignal: SIGTERM,
        stopTimeoutSeconds: Self.serviceStopSeconds,
        version: Checksum.text("\(program) \(try Files.read(settings) ?? "")"))
    }
  }

  func migrate(_ service: ServiceDescription) async throws {
    try await Shell.check(
      "migrating \(service.name)", checkout.program(service.name),
      ["migrate", "--settings", deployment.migrationSettingsFile(service)],
      directory: checkout.root)
  }
}
