import GRPCCore
import Logging
import Money
import Postgres
import Reactor
import Seal
import ServiceKit
import TestSupport
import Transport
import VaultCore
import Wire

@testable import VaultService

/// The vault's handlers on a fresh schema, as the service's own role, called as the interceptor
/// would call them.
struct VaultHarness: Sendable {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let stranger = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0004)
  static let operation = OperationID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0777)
  static let demo = PeerIdentity.merchant(id: "m", client: "demo")

  let environment: ServiceEnvironment
  let clock: ManualClock
  let kek: [KeyEncryptionKey]
  let methods: PaymentMethodsHandler
  let keyHandler: KeysHandler
  let reencryption: Reencryption

  var loop: EventLoop { environment.loop }
  var database: PostgresClient { environment.database }

  static func with(_ body: @escaping @Sendable (VaultHarness) async throws -> Void) async throws {
    let test = try TestDatabase.current
    let certificates = try TestCertificates()
    let files = try certificates.issue(["spiffe://tender/service/vault-token"], name: "vault")
    try await withEventLoop { loop in
      let migrator = Migrator(
        test.settings,
        loop: loop,
        schema: "vault",
        owner: test.ownerRole,
        migrations: VaultService.migrations
      )
      _ = try await migrator.migrate()
      try await test.run(
        """
        do $$ begin
          execute format('alter role vault_service in database %I set search_path = vault, pg_temp',
            current_database());
        end $$
        """
      )
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      let clock = ManualClock()
      let settings = try SettingsSource.reader(
        fileText: """
          listen = 127.0.0.1:1
          endpoints.file = none
          tls.certificate = \(files.chain)
          tls.key = \(files.key)
          tls.authority = \(files.authority)
          """,
        environment: [:]
      )
      let environment = ServiceEnvironment(
        name: .vaultToken,
        loop: loop,
        workers: try Workers(),
        database: database,
        settings: try ServiceSettings(config: settings),
        logger: Logger(label: "test"),
        clock: TestClock(clock: clock),
        tls: try TLSIdentity(
          chain: files.chain,
          key: files.key,
          authority: files.authority
        ),
        endpoints: Endpoints(addresses: [:])
      )
      let kek = [try KeyEncryptionKey(key: .random(count: 32))]
      let harness = try VaultHarness(environment, clock, kek)
      do {
        try await onLoop(loop) { try await body(harness) }
        await database.shutdown()
      } catch {
        await database.shutdown()
        throw error
      }
    }
  }

  init(
    _ environment: ServiceEnvironment,
    _ clock: ManualClock,
    _ kek: [KeyEncryptionKey]
  ) throws {
    guard let ring = KeyRing(kek) else { throw TestSetupError("no key") }
    let alerts = VaultAlerts(database: environment.database)
    let reencryption = Reencryption(environment, ring: ring, alerts: alerts)
    self.environment = environment
    self.clock = clock
    self.kek = kek
    self.reencryption = reencryption
    methods = PaymentMethodsHandler(
      environment: environment,
      keys: MerchantKeys(ring: ring),
      audit: AccessAudit(clock: environment.clock),
      alerts: alerts,
      events: VaultEvents(identifiers: environment.identifiers, clock: environment.clock),
      wakeRelay: {}
    )
    keyHandler = KeysHandler(environment: environment, ring: ring, reencryption: reencryption)
  }

  /// Another process of the service with another key file.
  func reopened(with keys: [KeyEncryptionKey]) throws -> VaultHarness {
    try VaultHarness(environment, clock, keys)
  }

  // MARK: Calls

  private func call<R: Sendable>(
    _ method: String,
    as peer: PeerIdentity,
    merchant: MerchantID?,
    key: String? = nil,
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.vault.v1.Test/\(method)",
      peer: peer,
      merchant: merchant,
      trace: .random(),
      key: try key.map { try IdempotencyKey($0) }
    )
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
      remotePeer: "in-process:test",
      localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle()
    )
    return try await CallContext.$current.withValue(context) { try await body(server) }
  }

  /// The refusal of a call; nil if it succeeds or fails otherwise.
  func failure<R>(_ body: () async throws -> R) async -> RPCFailure? {
    do {
      _ = try await body()
      return nil
    } catch {
      return error as? RPCFailure
    }
  }

  func create(
    _ request: VaultV1.CreatePaymentMethodRequest,
    key: String,
    merchant: MerchantID = merchant
  ) async throws -> VaultV1.PaymentMethod {
    let response = try await call(
      "CreatePaymentMethod",
      as: Self.demo,
      merchant: merchant,
      key: key
    ) { try await methods.createPaymentMethod(request: request, context: $0) }
    guard let method = response.paymentMethod else { throw TestSetupError("no method") }
    return method
  }

  func describe(
    id: String = "",
    alias: String = "",
    merchant: MerchantID = merchant,
    peer: PeerIdentity = demo
  ) async throws -> VaultV1.PaymentMethod {
    let request = VaultV1.DescribePaymentMethodRequest(paymentMethodID: id, alias: alias)
    let response = try await call("DescribePaymentMethod", as: peer, merchant: merchant) {
      try await methods.describePaymentMethod(request: request, context: $0)
    }
    guard let method = response.paymentMethod else { throw TestSetupError("no method") }
    return method
  }

  func list(merchant: MerchantID = merchant) async throws -> [VaultV1.PaymentMethod] {
    try await call("ListPaymentMethods", as: Self.demo, merchant: merchant) {
      try await methods.listPaymentMethods(
        request: VaultV1.ListPaymentMethodsRequest(),
        context: $0
      )
    }.paymentMethods
  }

  func resolve(
    _ id: String,
    merchant: MerchantID = merchant
  ) async throws -> VaultV1.ResolvePaymentMethodResponse {
    let request = VaultV1.ResolvePaymentMethodRequest(
      paymentMethodID: id,
      operationID: Self.operation.description
    )
    return try await call(
      "ResolvePaymentMethod",
      as: .service("gateway-router"),
      merchant: merchant
    ) { try await methods.resolvePaymentMethod(request: request, context: $0) }
  }

  func delete(
    _ id: String,
    key: String,
    merchant: MerchantID = merchant
  ) async throws -> VaultV1.PaymentMethod {
    let request = VaultV1.DeletePaymentMethodRequest(paymentMethodID: id)
    let response = try await call(
      "DeletePaymentMethod",
      as: Self.demo,
      merchant: merchant,
      key: key
    ) { try await methods.deletePaymentMethod(request: request, context: $0) }
    guard let method = response.paymentMethod else { throw TestSetupError("no method") }
    return method
  }

  func rotate(_ merchant: String, key: String) async throws -> VaultV1.RotateKeysResponse {
    let request = VaultV1.RotateKeysRequest(merchantID: merchant)
    return try await call("RotateKeys", as: .operator("ops"), merchant: nil, key: key) {
      try await keyHandler.rotateKeys(request: request, context: $0)
    }
  }

  /// "version state rows" of every key.
  func keys() async throws -> [String] {
    try await call("ListKeys", as: .operator("ops"), merchant: nil) {
      try await keyHandler.listKeys(request: VaultV1.ListKeysRequest(), context: $0)
    }.keys.map { "\($0.version) \($0.state) \($0.rows)" }
  }

  func access(
    _ id: String,
    merchant: MerchantID = merchant
  ) async throws -> [VaultV1.AccessEntry] {
    let request = VaultV1.ListAccessRequest(paymentMethodID: id)
    return try await call("ListAccess", as: .operator("ops"), merchant: merchant) {
      try await keyHandler.listAccess(request: request, context: $0)
    }.entries
  }

  func verify(
    merchant: String = "",
    page: String = ""
  ) async throws -> VaultV1.VerifyAccessResponse {
    let request = VaultV1.VerifyAccessRequest(merchantID: merchant, pageToken: page)
    return try await call("VerifyAccess", as: .auditor("ann"), merchant: nil) {
      try await keyHandler.verifyAccess(request: request, context: $0)
    }
  }

  func count(_ table: String) async throws -> Int64 {
    try await database.query(Statement(sql: "select count(*) from \(table)")).single()[
      0,
      as: Int64.self
    ]
  }
}

struct TestClock: WallClock {
  let clock: ManualClock
  var now: Timestamp { clock.now }
}

extension VaultV1.CreatePaymentMethodRequest {
  static func card(alias: String = "") -> VaultV1.CreatePaymentMethodRequest {
    VaultV1.CreatePaymentMethodRequest(
      type: .card,
      references: [
        VaultV1.GatewayReference(
          gateway: "stripe",
          reference: "pm_1StripeCard",
          customerReference: "cus_1"
        ),
        VaultV1.GatewayReference(
          gateway: "adyen",
          reference: "8415AdyenStored",
          customerReference: "shopper_1"
        ),
      ],
      card: VaultV1.CardSummary(
        brand: "visa",
        last4: "4242",
        expiryMonth: 12,
        expiryYear: 2030,
        country: "DE",
        gatewayFingerprint: "gatewayfp"
      ),
      alias: alias
    )
  }
}
