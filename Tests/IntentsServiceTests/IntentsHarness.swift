import Foundation
import GRPCCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Transport
import Wire

@testable import IntentsService

/// The service on a fresh schema as its own role, served over mutual TLS with its interceptor, as
/// in a deployment; gateway-router and ledger are stand-ins behind the same transport.
struct IntentsHarness: Sendable {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let method = PaymentMethodID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0a06)

  let service: IntentsServer
  let database: PostgresClient
  let router: FakeRouter
  let ledger: FakeLedger
  let vault: FakeVault
  let happenings: Happenings
  private let address: SocketAddress

  static func with(_ body: @escaping @Sendable (IntentsHarness) async throws -> Void) async throws {
    let test = try TestDatabase.current
    let happenings = Happenings()
    let router = FakeRouter(merchant: merchant.description, happenings)
    let ledger = FakeLedger(happenings)
    let vault = FakeVault()
    try await withEventLoop(name: "peers") { peers in
      let routerTransport = try Certificates.server(.gatewayRouter, on: peers)
      let ledgerTransport = try Certificates.server(.ledger, on: peers)
      let vaultTransport = try Certificates.server(.vaultToken, on: peers)
      try await withGRPCServer(transport: routerTransport, services: [router]) { _ in
        try await withGRPCServer(transport: ledgerTransport, services: [ledger]) { _ in
          try await withGRPCServer(transport: vaultTransport, services: [vault]) { _ in
            let endpoints = Endpoints(addresses: [
              "gateway-router": try await routerTransport.listeningAddress(),
              "ledger": try await ledgerTransport.listeningAddress(),
              "vault-token": try await vaultTransport.listeningAddress(),
            ])
            try await serve(test, endpoints) { service, database, address in
              let harness = IntentsHarness(
                service: service, database: database, router: router, ledger: ledger,
                vault: vault, happenings: happenings, address: address)
              defer { router.gate.open() }
              try await body(harness)
            } witness: { CallWitness(happenings: happenings) }
          }
        }
      }
    }
  }

  private static func serve(
    _ test: TestDatabase, _ endpoints: Endpoints,
    _ body: @escaping @Sendable (IntentsServer, PostgresClient, SocketAddress) async throws -> Void,
    witness: @escaping @Sendable () -> CallWitness
  ) async throws {
    try await withEventLoop(name: "intents") { loop in
      _ = try await Migrator(
        test.settings, loop: loop, schema: "intents", owner: test.ownerRole,
        migrations: IntentsServer.migrations
      ).migrate()
      try await test.run(
        """
        do $$ begin
          execute format('alter role intents_service in database %I
            set search_path = intents, pg_temp', current_database());
        end $$
        """)
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      try await withTemporaryDirectory { folder in
        let environment = try environment(folder, loop, database, endpoints)
        let service = try await IntentsServer(environment)
        let transport = try Certificates.server(.intents, on: loop)
        do {
          try await withGRPCServer(
            transport: transport, services: service.handlers,
            interceptors: [witness(), CallInterceptor(
              logger: Certificates.quiet, metrics: CallMetrics(MetricRegistry()))]
          ) { _ in
            try await body(service, database, try await transport.listeningAddress())
          }
        } catch {
          environment.peers.shutdown()
          await database.shutdown()
          throw error
        }
        environment.peers.shutdown()
        await database.shutdown()
      }
    }
  }

  private static func environment(
    _ folder: String, _ loop: EventLoop, _ database: PostgresClient, _ endpoints: Endpoints
  ) throws -> ServiceEnvironment {
    let files = try Certificates.files("spiffe://tender/service/intents", "intents")
    let proofKey = "\(folder)/proof.key"
    try Data(String(repeating: "7f", count: 32).utf8).write(to: URL(filePath: proofKey))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: proofKey)
    let settings = try SettingsSource.reader(
      fileText: """
        listen = 127.0.0.1:1
        endpoints.file = none
        tls.certificate = \(files.chain)
        tls.key = \(files.key)
        tls.authority = \(files.authority)
        intents.proofKeyFile = \(proofKey)
        """, environment: [:])
    return ServiceEnvironment(
      name: .intents, loop: loop, workers: try Workers(), database: database,
      settings: try ServiceSettings(config: settings), logger: Certificates.quiet,
      clock: SystemClock(),
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      endpoints: endpoints)
  }

  // MARK: Callers

  typealias Transport = HTTP2ClientTransport
  typealias Client = GRPCClient<Transport>

  static let merchantIdentity = "spiffe://tender/merchant/\(merchant)/test"

  /// A caller's connection, until the body ends.
  func withClient<R: Sendable>(
    as identity: String = merchantIdentity, _ body: @Sendable (Client) async throws -> R
  ) async throws -> R {
    let address = address
    return try await withEventLoop(name: "caller") { loop in
      let transport = try Self.transport(to: address, on: loop, as: identity)
      return try await withGRPCClient(transport: transport) { try await body($0) }
    }
  }

  /// A merchant's connection that breaks off in the middle of a call, without a word.
  func withLostClient<R: Sendable>(
    _ body: @escaping @Sendable (Client) async throws -> R, when: @Sendable () async -> Void
  ) async throws -> Result<R, any Error> {
    let address = address
    return try await withEventLoop(name: "caller") { loop in
      let client = GRPCClient(transport: try Self.transport(to: address, on: loop))
      let connections = Task { try await client.runConnections() }
      let call = Task { try await body(client) }
      await when()
      // Cancelling it cuts the connection.
      connections.cancel()
      return await call.result
    }
  }

  private static func transport(
    to address: SocketAddress, on loop: EventLoop, as identity: String = merchantIdentity
  ) throws -> HTTP2ClientTransport {
    let name = identity.replacing("/", with: "-").replacing(":", with: "")
    let files = try Certificates.files(identity, name)
    return HTTP2ClientTransport(
      loop: loop, addresses: [address],
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      expecting: .service("intents"), logger: Certificates.quiet)
  }

  struct Answer: Sendable {
    var intent: IntentsV1.PaymentIntent
    var isReplayed: Bool
  }

  /// Creates and confirms a payment of 49.99 EUR.
  static func pay(
    _ client: Client, key: String, capture: GatewayV1.CaptureMethod = .automatic,
    minor: Int64 = 4_999
  ) async throws -> Answer {
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: "EUR", amountMinor: minor), captureMethod: capture,
      paymentMethodID: method.description, confirm: true)
    let call = ClientRequest(message: request, metadata: [CallMetadata.idempotencyKey: "\(key)"])
    return try await IntentsV1.PaymentIntents.Client(wrapping: client).createPaymentIntent(
      request: call
    ) { response in
      guard let intent = try response.message.paymentIntent else { throw TestSetupError("empty") }
      let mark = response.metadata[stringValues: CallMetadata.replayed].contains("true")
      return Answer(intent: intent, isReplayed: mark)
    }
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
  private static let issued = IssuedFiles()

  static func files(_ uri: String, _ name: String) throws -> TestCertificates.Files {
    let authority = try authority.get()
    return try issued.get(name) { try authority.issue([uri], name: name) }
  }

  static func server(_ name: ServiceName, on loop: EventLoop) throws -> HTTP2ServerTransport {
    let files = try files("spiffe://tender/service/\(name.rawValue)", name.rawValue)
    return HTTP2ServerTransport(
      loop: loop, address: .loopback(port: 0),
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      logger: quiet)
  }
}
