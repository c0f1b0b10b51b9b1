import GRPCCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Wire

/// Calls about one intent, and what the tables say of it.
struct Payments: Sendable {
  let harness: IntentsHarness
  let client: IntentsHarness.Client

  private var intents: IntentsV1.PaymentIntents.Client<IntentsHarness.Transport> {
    IntentsV1.PaymentIntents.Client(wrapping: client)
  }

  static func with(
    _ body: @escaping @Sendable (Payments) async throws -> Void
  ) async throws {
    try await IntentsHarness.with { harness in
      harness.router.gate.open()
      harness.router.captureGate.open()
      harness.router.refundGate.open()
      try await harness.withClient { try await body(Payments(harness: harness, client: $0)) }
    }
  }

  /// The answer's status, or the reason of the refusal.
  static func word(
    _ call: () async throws -> IntentsV1.PaymentIntent
  ) async -> String {
    do {
      return "\(try await call().status)"
    } catch let error as RPCError {
      return StatusDetails(error)?.reason ?? "\(error.code)"
    } catch {
      return "\(error)"
    }
  }

  func pay(
    _ key: String, capture: GatewayV1.CaptureMethod = .automatic, minor: Int64 = 4_999
  ) async throws -> IntentsV1.PaymentIntent {
    try await IntentsHarness.pay(client, key: key, capture: capture, minor: minor).intent
  }

  /// Authorised, for the merchant to capture.
  func held(_ minor: Int64 = 10_000) async throws -> String {
    harness.router.behave(.authorize)
    let intent = try await pay("held", capture: .manual, minor: minor)
    guard intent.status == .requiresCapture else { throw TestSetupError("\(intent.status)") }
    return intent.id
  }

  func capture(
    _ id: String, _ minor: Int64?, key: String
  ) async throws -> IntentsV1.PaymentIntent {
    try await present(
      intents.capturePaymentIntent(
        IntentsV1.CapturePaymentIntentRequest(
          paymentIntentID: id,
          amount: minor.map { CommonV1.Money(currency: "EUR", amountMinor: $0) }),
        metadata: OutgoingCall.metadata(key: key)
      ).paymentIntent)
  }

  func confirm(_ id: String, key: String) async throws -> IntentsV1.PaymentIntent {
    try await present(
      intents.confirmPaymentIntent(
        IntentsV1.ConfirmPaymentIntentRequest(paymentIntentID: id),
        metadata: OutgoingCall.metadata(key: key)
      ).paymentIntent)
  }

  func payAsked(
    _ key: String, returnURL: String = "https://shop.example/back"
  ) async throws -> IntentsV1.PaymentIntent {
    try await present(
      intents.createPaymentIntent(
        IntentsV1.CreatePaymentIntentRequest(
          amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
          paymentMethodID: IntentsHarness.method.description, confirm: true, returnURL: returnURL),
        metadata: OutgoingCall.metadata(key: key)
      ).paymentIntent)
  }

  func complete(_ id: String, _ result: String, key: String) async throws -> IntentsV1.PaymentIntent
  {
    try await present(
      intents.completePaymentAction(
        IntentsV1.CompletePaymentActionRequest(
          paymentIntentID: id, redirectResult: Array(result.utf8)),
        metadata: OutgoingCall.metadata(key: key)
      ).paymentIntent)
  }

  func get(_ id: String) async throws -> IntentsV1.PaymentIntent {
    try await present(
      intents.getPaymentIntent(IntentsV1.GetPaymentIntentRequest(paymentIntentID: id))
        .paymentIntent)
  }

  private func present(_ intent: IntentsV1.PaymentIntent?) throws -> IntentsV1.PaymentIntent {
    guard let intent else { throw TestSetupError("empty") }
    return intent
  }

  // MARK: Facts

  /// A further fact about the intent's newest operation, told as gateway-router's relay does.
  func hear(
    _ kind: GatewayV1.FactKind, of intent: String, minor: Int64? = nil,
    _ fill: (inout GatewayV1.Fact) -> Void = { _ in }
  ) async throws -> [String] {
    let row = try await harness.database.query(
      """
      select o.id from operation o where o.intent_id = \(PaymentIntentID(intent))
      order by o.try desc limit 1
      """
    ).single()
    var fact = GatewayV1.Fact(
      operationID: try row[0, as: OperationID.self].description, intentID: intent, kind: kind,
      amount: minor.map { CommonV1.Money(currency: "EUR", amountMinor: $0) })
    fill(&fact)
    return try await tell(harness.router.later(fact))
  }

  func tell(_ fact: GatewayV1.Fact) async throws -> [String] {
    try await harness.withClient(as: "spiffe://tender/service/gateway-router") { client in
      try await IntentsV1.PaymentFacts.Client(wrapping: client).applyFacts(
        IntentsV1.ApplyFactsRequest(facts: [fact]),
        metadata: OutgoingCall.metadata(key: "facts/\(fact.operationID)/\(fact.sequence)")
      ).results.map(\.result)
    }
  }

  // MARK: Tables

  /// The types of an intent's events, in order.
  func events(_ id: String) async throws -> [String] {
    try await harness.database.query(
      "select payload from outbox where destination = 'webhooks' order by sequence"
    ).map { try WebhooksV1.EventToPublish(decoding: $0[0, as: [UInt8].self], strict: false) }
      .filter { $0.objectID == id }.map(\.type)
  }

  func postings() async throws -> [LedgerV1.PostingCommand] {
    try await RefundTests.postings(harness)
  }

  func count(_ query: Statement) async throws -> Int64 {
    try await harness.database.query(query).single()[0, as: Int64.self]
  }

  func alerts() async throws -> [String] {
    try await harness.database.query("select kind from alert where state = 'open' order by kind")
      .map { try $0[0, as: String.self] }
  }
}
