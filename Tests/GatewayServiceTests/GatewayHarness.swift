import Foundation
import GRPCCore
import GatewayCore
import class GatewaySimulator.Simulator
import Logging
import Money
import Outbound
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Transport
import Wire

@testable import GatewayService

/// One process of the service: its loop, connections, breakers and workers. The workers run when a
/// test says so.
struct Replica: Sendable {
  let loop: EventLoop
  let database: PostgresClient
  let flow: GatewayFlow
  let recovery: RecoveryWorker
  let setups: SetupWorker
  let notifications: NotificationWorker
  let reports: ReportFlow
  let restores: RestoreFlow
  let restore: RestoreWorker

  func execute(_ record: OperationRecord) async throws -> [GatewayV1.Fact] {
    try await onLoop(loop) { try await flow.execute(record) }
  }

  func close(_ record: OperationRecord) async throws -> [GatewayV1.Fact] {
    try await onLoop(loop) {
      try await flow.close(record.id, of: record.intent, record.merchant, onlyIfUnsent: false)
    }
  }

  func refund(
    _ record: OperationRecord, _ id: RefundID, minor: Int64 = 4_999
  ) async throws -> [GatewayV1.Fact] {
    try await onLoop(loop) {
      try await flow.refund(
        record.id, of: record.intent, record.merchant, id,
        Amount(record.operation.amount.currency, minor: minor))
    }
  }

  func recover() async throws {
    try await onLoop(loop) {
      try await recovery.work()
      try await setups.work()
    }
  }

  func notice() async throws { _ = try await onLoop(loop) { try await notifications.work() } }

  func load(_ record: OperationRecord) async throws -> OperationRecord {
    let found = try await onLoop(loop) { try await flow.load(record.id, of: record.intent) }
    guard let found else { throw TestSetupError("no such operation") }
    return found
  }
}

/// Two replicas of the service on one fresh database, as the service's own role; both test gateways
/// in this process; vault-token is a stand-in behind the real transport.
struct GatewayHarness: Sendable {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let method = PaymentMethodID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0a06)

  let first: Replica
  let second: Replica
  let gateways: TestGateways
  let vault: FakeVault
  let intents: FakeIntents
  let test: TestDatabase

  /// - Parameters:
  ///   - priority: the order of the gateways.
  ///   - clock: the service's time of day; the database keeps its own.
  ///   - settings: further lines of the file.
  static func with(
    priority: String = "stripe,adyen",
    clock: any WallClock = SystemClock(),
    settings: String = "",
    _ body: @escaping @Sendable (GatewayHarness) async throws -> Void
  ) async throws {
    let test = try TestDatabase.current
    let (vault, intents) = (FakeVault(), FakeIntents())
    try await withTemporaryDirectory { folder in
      let simulator = try TestGateways.start(books: "\(folder)/books")
      defer { simulator.stop() }
      try await withEventLoop(name: "vault") { peers in
        let transport = try Certificates.server(.vaultToken, on: peers)
        let intentsTransport = try Certificates.server(.intents, on: peers)
        try await withGRPCServer(transport: transport, services: [vault]) { _ in
          try await withGRPCServer(transport: intentsTransport, services: [intents]) { _ in
            let endpoints = Endpoints(addresses: [
              "vault-token": try await transport.listeningAddress(),
              "intents": try await intentsTransport.listeningAddress(),
            ])
            let place = Place(
              test: test, folder: folder, simulator: simulator, endpoints: endpoints,
              priority: priority, clock: clock, settings: settings)
            try await place.migrate(on: peers)
            try await place.withReplica { first in
              try await place.withReplica { second in
                try await body(
                  GatewayHarness(
                    first: first, second: second,
                    gateways: TestGateways(
                      simulator: simulator, client: first.flow.ports.client),
                    vault: vault, intents: intents, test: test))
              }
            }
          }
        }
      }
    }
  }

  /// An order of 49.99 EUR that nobody has seen yet.
  func order(
    offSession: Bool = false, capture: GatewayCore.Operation.CaptureMethod = .automatic
  ) -> OperationRecord {
    let now = first.flow.environment.clock.now
    return OperationRecord(
      merchant: Self.merchant, intent: .generate(milliseconds: now.microseconds / 1_000),
      paymentMethod: Self.method, offSession: offSession, statementDescriptor: "",
      sendBefore: now + .seconds(60), keyProof: [1], createdAt: now,
      operation: GatewayCore.Operation(
        id: .generate(milliseconds: now.microseconds / 1_000), amount: Amount(.eur, minor: 4_999),
        captureMethod: capture),
      attempts: [:], captureTries: [:])
  }

  /// Jobs that are due later become due now; time has passed for them.
  func hurry() async throws {
    try await test.run(
      """
      update gateway.attempt set look_at = now() where look_at is not null;
      update gateway.capture set next_try_at = now() where next_try_at is not null;
      update gateway.reversal set next_try_at = now() where next_try_at is not null;
      update gateway.setup_intent set next_try_at = now() where next_try_at is not null;
      update gateway.refund set next_try_at = now() where next_try_at is not null;
      update gateway.notification set next_try_at = now() where processed_at is null
        and next_try_at < 'infinity';
      """)
  }

  /// The one value of a query.
  func value<Value: PostgresDecodable>(
    _ sql: String, as type: Value.Type = Value.self
  ) async throws -> Value {
    try await first.database.query(Statement(sql: sql)).single()[0, as: Value.self]
  }

  /// "kind subject" of the open alerts.
  func alerts() async throws -> Set<String> {
    Set(
      try await first.database.query("select kind from alert where state = 'open'")
        .map { try $0[0, as: String.self] })
  }
}

/// What the replicas of one test share.
private struct Place: Sendable {
  let test: TestDatabase
  let folder: String
  let simulator: Simulator
  let endpoints: Endpoints
  let priority: String
  let clock: any WallClock
  let settings: String

  func migrate(on loop: EventLoop) async throws {
    _ = try await Migrator(
      test.settings, loop: loop, schema: "gateway", owner: test.ownerRole,
      migrations: GatewayService.migrations
    ).migrate()
    try await test.run(
      """
      do $$ begin
        execute format('alter role gateway_service in database %I
          set search_path = gateway, pg_temp', current_database());
      end $$
      """)
  }

  func withReplica(_ body: @escaping @Sendable (Replica) async throws -> Void) async throws {
    try await withEventLoop(name: "gateway") { loop in
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      let environment = try environment(loop, database)
      let ports = try await onLoop(loop) { try GatewayPorts(environment) }
      let flow = try await onLoop(loop) { GatewayFlow(environment, ports: ports, wake: {}) }
      let restores = RestoreFlow(environment, ports: ports)
      let replica = Replica(
        loop: loop, database: database, flow: flow,
        recovery: RecoveryWorker(environment, flow: flow),
        setups: SetupWorker(environment, flow: flow),
        notifications: NotificationWorker(
          environment, flow: flow, reports: ReportFlow(environment, ports: ports)),
        reports: ReportFlow(environment, ports: ports), restores: restores,
        restore: RestoreWorker(flow, restores))
      do {
        try await body(replica)
      } catch {
        await end(replica, environment)
        throw error
      }
      await end(replica, environment)
    }
  }

  private func end(_ replica: Replica, _ environment: ServiceEnvironment) async {
    await replica.flow.ports.shutdown()
    environment.peers.shutdown()
    await replica.database.shutdown()
  }

  private func environment(
    _ loop: EventLoop, _ database: PostgresClient
  ) throws -> ServiceEnvironment {
    let files = try Certificates.files("gateway-router")
    for (name, key) in [("stripe", TestGateways.stripeKey), ("adyen", TestGateways.adyenKey)] {
      let path = "\(folder)/\(name).key"
      try Data(key.utf8).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
    let config = try SettingsSource.reader(
      fileText: """
        listen = 127.0.0.1:1
        endpoints.file = none
        tls.certificate = \(files.chain)
        tls.key = \(files.key)
        tls.authority = \(files.authority)
        gateways.priority = \(priority)
        stripe.url = http://127.0.0.1:\(simulator.stripePort)
        stripe.account = main
        stripe.keyFile = \(folder)/stripe.key
        adyen.url = http://127.0.0.1:\(simulator.adyenPort)
        adyen.merchantAccount = \(TestGateways.adyenAccount)
        adyen.keyFile = \(folder)/adyen.key
        payments.returnURL = https://shop.example/return
        \(settings)
        """, environment: [:])
    return ServiceEnvironment(
      name: .gatewayRouter, loop: loop, workers: try Workers(), database: database,
      settings: try ServiceSettings(config: config), logger: Certificates.quiet,
      clock: clock,
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      endpoints: endpoints)
  }
}

/// Certificates that all tests share: making them takes longer than using them.
enum Certificates {
  static let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }()

  private static let authority = Result { try TestCertificates() }
  private static let issued = Result {
    let made = try authority.get()
    return Dictionary(
      uniqueKeysWithValues: try ["gateway-router", "vault-token", "intents"].map { name in
        (name, try made.issue(["spiffe://tender/service/\(name)"], name: name))
      })
  }

  static func files(_ name: String) throws -> TestCertificates.Files {
    guard let files = try issued.get()[name] else { throw TestSetupError("no certificate: \(name)") }
    return files
  }

  static func server(_ name: ServiceName, on loop: EventLoop) throws -> HTTP2ServerTransport {
    let files = try files(name.rawValue)
    return HTTP2ServerTransport(
      loop: loop, address: .loopback(port: 0),
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      logger: quiet)
  }
}
