import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Transport
import Wire

@testable import GatewayService

/// Set-ups of payment methods, from the call to what the gateways' books hold.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct SetupTests {
  typealias Status = GatewayV1.SetupIntentStatus

  private static func context(
    _ method: String, _ key: String?, merchant: MerchantID = GatewayHarness.merchant
  ) throws -> CallContext {
    CallContext(
      method: "tender.gateway.v1.SetupIntents/\(method)", peer: .operator("anna"),
      merchant: merchant, trace: .random(), key: try key.map { try IdempotencyKey($0) })
  }

  private static func call<R: Sendable>(
    _ context: CallContext, on replica: Replica,
    _ body: @escaping @Sendable (SetupCalls, ServerContext) async throws -> R
  ) async throws -> R {
    let calls = SetupCalls(
      environment: replica.flow.environment, flow: SetupFlow(flow: replica.flow))
    return try await onLoop(replica.loop) {
      try await CallContext.$current.withValue(context) {
        try await withServerContextRPCCancellationHandle { handle in
          try await body(
            calls,
            ServerContext(
              descriptor: MethodDescriptor(
                fullyQualifiedService: "test", method: "CreateSetupIntent"),
              remotePeer: "in-process:test", localPeer: "in-process:test", cancellation: handle))
        }
      }
    }
  }

  static func create(
    _ harness: GatewayHarness, key: String = "key", gateway: String = "", currency: String = ""
  ) async throws -> GatewayV1.SetupIntent {
    let request = GatewayV1.CreateSetupIntentRequest(
      paymentMethodID: GatewayHarness.method.description, gateway: gateway, currency: currency)
    let answer = try await call(try context("CreateSetupIntent", key), on: harness.first) {
      calls, context in
      try await calls.createSetupIntent(request: request, context: context)
    }
    return try #require(answer.setupIntent)
  }

  static func get(
    _ harness: GatewayHarness, _ id: String, merchant: MerchantID = GatewayHarness.merchant
  ) async throws -> GatewayV1.SetupIntent {
    let request = GatewayV1.GetSetupIntentRequest(setupIntentID: id)
    let answer = try await call(
      try context("GetSetupIntent", nil, merchant: merchant), on: harness.second
    ) { calls, context in
      try await calls.getSetupIntent(request: request, context: context)
    }
    return try #require(answer.setupIntent)
  }

  private static func reason(_ body: () async throws -> Void) async -> String? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? RPCFailure)?.reason
    }
  }

  /// The types of the events that are to be told, in their order.
  static func events(_ harness: GatewayHarness) async throws -> [String] {
    try await harness.first.database.query(
      "select payload from outbox where destination = 'webhooks' order by sequence"
    ).map {
      try WebhooksV1.EventToPublish(decoding: try $0[0, as: [UInt8].self], strict: false).type
    }
  }

  @Test func aCardIsSetUpAtStripeOnce() async throws {
    try await GatewayHarness.with { harness in
      let made = try await Self.create(harness)
      #expect(made.status == .succeeded && made.gateway == "stripe" && made.currency == "EUR")
      #expect(made.gatewayReference.hasPrefix("seti_") && made.failure == nil)
      let setup = try #require(try await harness.gateways.setups().first)
      #expect(setup.id == made.gatewayReference)
      let id = try #require(SetupIntentID(made.id))
      #expect(setup.metadata["reference"] == GatewayReference.setup(id).text)
      #expect(setup.metadata["tender_method"] == GatewayHarness.method.description)
      // The same key: the same answer, and no second request.
      #expect(try await Self.create(harness) == made)
      #expect(try await Self.get(harness, made.id) == made)
      #expect(try await harness.gateways.setups().count == 1)
      #expect(try await harness.gateways.payments().isEmpty)
      #expect(
        try await Self.events(harness) == ["setup_intent.created", "setup_intent.succeeded"])
      let other = await Self.reason { _ = try await Self.create(harness, gateway: "adyen") }
      #expect(other == "IDEMPOTENCY_KEY_REUSED")
      let foreign = await Self.reason {
        _ = try await Self.get(harness, made.id, merchant: MerchantID(bits: 4))
      }
      #expect(foreign == "SETUP_INTENT_NOT_FOUND")
    }
  }

  @Test func adyenIsAskedForAPaymentOfNothing() async throws {
    try await GatewayHarness.with { harness in
      let made = try await Self.create(harness, gateway: "adyen", currency: "USD")
      #expect(made.status == .succeeded && made.gateway == "adyen" && made.currency == "USD")
      let payment = try #require(try await harness.gateways.payments().first)
      #expect(payment.id == made.gatewayReference && payment.authorized == 0)
      #expect(payment.captured == 0 && payment.status == "succeeded")
      #expect(try await harness.gateways.setups().isEmpty)
    }
  }

  @Test(arguments: [
    ("stripe", "pm_card_visa_chargeDeclinedLostCard", "stored_visa", "lost_card"),
    ("adyen", "pm_card_visa", "stored_not_enough_balance", "insufficient_funds"),
    // Nobody is there to show themselves.
    ("stripe", "pm_card_authenticationRequired", "stored_visa", "authentication_required"),
    ("adyen", "pm_card_visa", "stored_authentication_required", "authentication_required"),
    ("adyen", "pm_card_visa", "no_such_method", "gateway_rejected_request"),
  ])
  func whatAGatewayRefusesHasFailed(
    gateway: String, stripe: String, adyen: String, code: String
  ) async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { ($0.stripe, $0.adyen) = (stripe, adyen) }
      let made = try await Self.create(harness, gateway: gateway)
      #expect(made.status == .failed && made.failure?.code == code && made.gateway == gateway)
      #expect(try await Self.create(harness, gateway: gateway) == made)
      #expect(try await Self.events(harness).last == "setup_intent.failed")
    }
  }

  @Test func whatNoGatewayIsAskedForHasFailed() async throws {
    try await GatewayHarness.with { harness in
      func code(
        _ key: String, gateway: String = "", _ change: @Sendable (inout FakeVault.Method) -> Void
      ) async throws -> String? {
        harness.vault.method.withLock { method in
          method = FakeVault.Method()
          change(&method)
        }
        let made = try await Self.create(harness, key: key, gateway: gateway)
        #expect(made.status == .failed && made.gateway.isEmpty)
        return made.failure?.code
      }
      let codes = [
        try await code("1") { $0.exists = false }, try await code("2") { $0.type = .sepaDebit },
        try await code("3") { ($0.stripe, $0.adyen) = (nil, nil) },
        try await code("4", gateway: "adyen") { $0.adyen = nil },
      ]
      #expect(
        codes == [
          "payment_method_not_found", "payment_method_not_supported", "no_gateway_available",
          "no_gateway_available",
        ])
      #expect(try await harness.gateways.setups().isEmpty)
      let unknown = await Self.reason { _ = try await Self.create(harness, key: "5", gateway: "x") }
      #expect(unknown == "GATEWAY_UNKNOWN")
      let currency = await Self.reason {
        _ = try await Self.create(harness, key: "6", currency: "XXQ")
      }
      #expect(currency == "CURRENCY_UNKNOWN")
    }
  }

  /// Before or after it acted: the same request again under its key, and one set-up there.
  @Test(arguments: ["timeout_before", "timeout_after"], ["stripe", "adyen"])
  func silenceIsProcessingUntilTheGatewaySpeaks(fault: String, gateway: String) async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject(
        gateway, fault, on: [gateway == "stripe" ? "setup" : "authorize"])
      let made = try await Self.create(harness, gateway: gateway)
      #expect(made.status == .processing && made.nextCheckAt != nil && made.failure == nil)
      try await harness.hurry()
      try await harness.second.recover()
      let ended = try await Self.get(harness, made.id)
      #expect(ended.status == .succeeded && ended.version > made.version)
      let there =
        gateway == "stripe"
        ? try await harness.gateways.setups().count : try await harness.gateways.payments().count
      #expect(there == 1)
      // The key's answer is the first one.
      #expect(try await Self.create(harness, gateway: gateway) == made)
    }
  }

  @Test func whatIsNeverAnsweredIsGivenUpAndNotCalledFailed() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("stripe")
      let made = try await Self.create(harness)
      #expect(made.status == .processing)
      try await harness.test.run("update gateway.setup_intent set tries = 12")
      try await harness.hurry()
      try await harness.first.recover()
      let ended = try await Self.get(harness, made.id)
      #expect(ended.status == .canceled && ended.failure?.code == "outcome_unknown")
      #expect(ended.nextCheckAt == nil)
      #expect(try await Self.events(harness).last == "setup_intent.canceled")
      // A row that is decided never changes.
      await Self.expectGuarded("update setup_intent set detail = 'x'", harness)
    }
  }

  @Test func whatNeverLeftHasFailed() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.refuseConnections("stripe")
      let made = try await Self.create(harness)
      #expect(made.status == .failed && made.failure?.code == "not_executed")
    }
  }

  /// Refused by a trigger, whatever the table's checks say.
  private static func expectGuarded(_ sql: String, _ harness: GatewayHarness) async {
    await #expect { try await harness.first.database.query(Statement(sql: sql)) } throws: {
      ($0 as? PostgresError)?.sqlState == SQLState("23001")
    }
  }

  /// A row and its claim whose holder died before anything else.
  static func abandoned(_ harness: GatewayHarness) async throws -> SetupIntentID {
    let environment = harness.first.flow.environment
    let request = GatewayV1.CreateSetupIntentRequest(
      paymentMethodID: GatewayHarness.method.description)
    let id = environment.identifiers.make(SetupIntentID.self)
    let context = try context("CreateSetupIntent", "key")
    try await onLoop(harness.first.loop) {
      try await CallContext.$current.withValue(context) {
        let order = SetupStatements.Order(
          id: id, paymentMethod: GatewayHarness.method, currency: .eur, wanted: nil)
        let begun = try await environment.idempotency.begin(
          request, subject: UUIDBits(id.bits)
        ) { transaction, _ in
          try await SetupFlow(flow: harness.first.flow).begin(
            order, of: GatewayHarness.merchant, in: transaction)
        }
        guard case .run(let claim) = begun else { throw TestSetupError("not ours") }
        environment.idempotency.release(claim)
      }
    }
    try await harness.test.run(
      "update gateway.idempotency_key set lease_until = now() - interval '1 s'")
    return id
  }

  @Test func aClaimWhoseHolderDiedIsEnded() async throws {
    try await GatewayHarness.with { harness in
      let id = try await Self.abandoned(harness)
      try await harness.second.recover()
      #expect(try await Self.get(harness, id.description).status == .succeeded)
      let replayed = try await Self.create(harness)
      #expect(replayed.id == id.description && replayed.status == .succeeded)
      #expect(try await harness.gateways.setups().count == 1)
    }
  }

  /// The second one finds the gateway chosen, and sends nothing.
  @Test func twoWhoFindItUnsentAskOnce() async throws {
    try await GatewayHarness.with { harness in
      let id = try await Self.abandoned(harness)
      let stamp = Stamp(actor: "test", traceID: [UInt8](repeating: 1, count: 16))
      func choose(_ gateway: GatewayName, on replica: Replica) async throws -> Int {
        let statement = SetupStatements.choose(
          GatewayAccount(gateway: gateway, account: "main"), for: id,
          of: GatewayHarness.merchant, stamp)
        let rows: Rows = try await replica.database.query(statement)
        return rows.count
      }
      #expect(try await choose(.stripe, on: harness.first) == 1)
      #expect(try await choose(.adyen, on: harness.second) == 0)
      #expect(try await Self.get(harness, id.description).gateway == "stripe")
      await Self.expectGuarded("update setup_intent set gateway = 'adyen'", harness)
    }
  }

  /// Adyen has no look: its notification decides what its answer did not.
  @Test(arguments: [("true", 0, "succeeded"), ("false", 0, "failed"), ("true", 5, "processing")])
  func aNotificationDecides(success: String, value: Int, expected: String) async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("adyen")
      let made = try await Self.create(harness, gateway: "adyen")
      #expect(made.status == .processing)
      let id = try #require(SetupIntentID(made.id))
      let body =
        #"{"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"AUTHORISATION","success":"\#(success)","merchantAccountCode":"\#(TestGateways.adyenAccount)","merchantReference":"\#(GatewayReference.setup(id))","pspReference":"P1","reason":"Refused","amount":{"currency":"EUR","value":\#(value)}}}]}"#
      _ = try await harness.first.database.query(
        """
        insert into notification (gateway, id, body)
        values ('adyen', \("P1:AUTHORISATION:\(success)"), \(Array(body.utf8)))
        """)
      try await harness.first.notice()
      let ended = try await Self.get(harness, made.id)
      #expect("\(ended.status)" == expected, "\(ended)")
      let open: Int64 = try await harness.value(
        "select count(*) from notification where processed_at is null")
      #expect(open == 0)
      // Money may be held: no later answer ends that.
      let alerts: Set<String> = value == 0 ? [] : ["setup_money_conflicts"]
      #expect(try await harness.alerts() == alerts)
      try await harness.gateways.heal()
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await Self.get(harness, made.id).status != .processing)
      #expect(try await harness.alerts() == alerts)
    }
  }

  @Test func nothingIsSetUpAfterARestore() async throws {
    try await GatewayHarness.with(settings: "restore.held = true") { harness in
      let reason = await Self.reason { _ = try await Self.create(harness) }
      #expect(reason == "RESTORE_IN_PROGRESS")
      let rows: Int64 = try await harness.value("select count(*) from setup_intent")
      #expect(rows == 0)
    }
  }
}
