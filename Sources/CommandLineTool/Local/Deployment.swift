/// The programs of a local deployment and what each is told.
struct ServiceDescription: Sendable {
  /// Executable, endpoint and certificate name.
  let name: String
  /// PostgreSQL schema and prefix of its three roles; nil where it has no database.
  let schema: String?
  /// Its statements are planned once per connection: PostgreSQL would plan those on partitioned
  /// tables anew each time.
  var plansOnce = false
  /// Further addresses it listens at: setting and the name in endpoints.json.
  var listeners: [(setting: String, endpoint: String)] = []
  /// Further settings.
  var settings: @Sendable (Deployment) -> [(key: String, value: String)] = { _ in [] }
  /// Its arguments; nil for `run --settings FILE`.
  var arguments: (@Sendable (Deployment) throws -> [String])?

  var owner: String { "\(schema ?? name)_owner" }
  var role: String { "\(schema ?? name)_service" }
  /// The role that migrations log in as: a member of the owner and nothing else.
  var migrator: String { "\(schema ?? name)_migrator" }
}

/// One checkout's deployment: where everything is.
struct Deployment: Sendable {
  let checkout: Checkout
  let cluster: Cluster
  let endpoints: Endpoints

  /// In the order they start.
  static let services: [ServiceDescription] = [
    ServiceDescription(name: "ledger", schema: "ledger") {
      [
        ("recon.writeOffLimits", "EUR 10000; USD 10000"), ("seals.folder", $0.checkout.seals),
      ]
    },
    ServiceDescription(name: "vault-token", schema: "vault") {
      [("vault.keyFile", $0.checkout.secret("vault.kek"))]
    },
    ServiceDescription(
      name: "gateway-router", schema: "gateway",
      listeners: [("inbound.listen", "gateway-router-inbound")]
    ) { deployment in
      let checkout = deployment.checkout
      return [
        ("stripe.account", Simulator.stripeAccount),
        ("stripe.url", "http://\(deployment.endpoints.address(Simulator.stripe))"),
        ("stripe.keyFile", checkout.secret(Simulator.stripeKey)),
        ("stripe.webhookSecretFile", checkout.secret(Simulator.stripeWebhookSecret)),
        ("adyen.url", "http://\(deployment.endpoints.address(Simulator.adyen))"),
        ("adyen.keyFile", checkout.secret(Simulator.adyenKey)),
        ("adyen.merchantAccount", Simulator.adyenMerchantAccount),
        ("adyen.webhookKeyFile", checkout.secret(Simulator.adyenWebhookKey)),
        ("payments.returnURL", "https://shop.example/payments/return"),
      ]
    },
    // Local receivers are on this machine; the service refuses this setting for live merchants.
    ServiceDescription(name: "webhooks", schema: "webhooks") {
      [
        ("webhooks.allowedNetworks", "127.0.0.0/8"),
        ("webhooks.keyFile", $0.checkout.secret("webhooks.key")),
      ]
    },
    ServiceDescription(name: "billing", schema: "billing"),
    ServiceDescription(name: "intents", schema: "intents", plansOnce: true) {
      [("intents.proofKeyFile", $0.checkout.secret("intents.proof"))]
    },
  ]

  /// Keys of services' own, made where they are missing.
  static let serviceKeys = ["vault.kek", "webhooks.key", "intents.proof"]

  static var programs: [ServiceDescription] { [Simulator.description] + services }

  /// Changes with every build: facts about all executables.
  static func build(of checkout: Checkout) -> String {
    Checksum.text(
      (programs.map(\.name) + ["tender"])
        .map { Files.fingerprint(checkout.program($0)) ?? "" }.joined(separator: " "))
  }

  static func endpointNames(replicas: Int) -> [String] {
    let simulator = Simulator.description
    return ([simulator.name] + simulator.listeners.map(\.endpoint))
      + services.flatMap { service in
        ([service.name] + service.listeners.map(\.endpoint)).flatMap {
          Replica.names($0, count: replicas)
        }
      }
  }

  /// Every process, in the order they start.
  var replicas: [Replica] {
    [Replica(program: Simulator.description, number: 1)]
      + Self.services.flatMap { service in
        (1...endpoints.replicas).map { Replica(program: service, number: $0) }
      }
  }

  func settingsFile(_ replica: Replica) -> String {
    "\(checkout.settings)/\(replica.name).conf"
  }

  func migrationSettingsFile(_ service: ServiceDescription) -> String {
    "\(checkout.settings)/\(service.name).migrate.conf"
  }

  /// The lines of a program's settings file.
  func settings(
    _ service: ServiceDescription, replica number: Int = 1
  ) -> [(key: String, value: String)] {
    var lines = [
      (key: "listen", value: endpoints.address(Replica.name(service.name, number))),
      (key: "endpoints.file", value: checkout.endpointsFile), (key: "log.level", value: "info"),
    ]
    if service.schema != nil {
      lines += databaseSettings
      if endpoints.replicas > 1 {
        // Its role may open only so many, whoever of them does.
        let connections = Roles.pooledConnections / endpoints.replicas
        lines.append(("postgres.connections", String(connections)))
      }
      lines += [
        ("postgres.passwordFile", checkout.secret(service.role)),
        ("tls.certificate", "\(checkout.certificates)/\(service.name).pem"),
        ("tls.key", "\(checkout.certificates)/\(service.name).key"),
        ("tls.authority", "\(checkout.certificates)/ca.pem"),
      ]
    }
    #if TENDER_FAULTS
      if service.schema != nil { lines.append(("faults.folder", checkout.faults)) }
    #endif
    lines += service.listeners.map {
      ($0.setting, endpoints.address(Replica.name($0.endpoint, number)))
    }
    return lines + service.settings(self)
  }

  /// What `<service> migrate` is told: the same, as the migrating role.
  func migrationSettings(_ service: ServiceDescription) -> [(key: String, value: String)] {
    settings(service).filter {
      $0.key != "postgres.passwordFile" && $0.key != "postgres.connections"
    } + [
      ("postgres.migrationUser", service.migrator),
      ("postgres.migrationPasswordFile", checkout.secret(service.migrator)),
      ("postgres.connections", "1"),
    ]
  }

  private var databaseSettings: [(key: String, value: String)] {
    [
      ("postgres.socketDirectory", cluster.socketDirectory),
      ("postgres.port", String(cluster.port)), ("postgres.database", Cluster.database),
    ]
  }

  /// Writes every settings file that differs; a service restarts when its own changes.
  func writeSettings() throws {
    for replica in replicas where replica.program.schema != nil {
      try Self.write(
        settings(replica.program, replica: replica.number), to: settingsFile(replica))
    }
    for service in Self.services {
      try Self.write(migrationSettings(service), to: migrationSettingsFile(service))
    }
  }

  private static func write(_ lines: [(key: String, value: String)], to path: String) throws {
    let text = lines.map { "\($0.key) = \($0.value)\n" }.joined()
    if try Files.read(path) != text { try Files.write(text, to: path) }
  }
}
