import Foundation
import GRPCCore
import IntentsService
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

/// Refunds as intents guards and finishes them: never above what was captured, once per key, and
/// whatever dies in between ends.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct RefundTests {
  struct Answer: Sendable {
    var refund: IntentsV1.Refund
    var isReplayed: Bool
  }

  static func refund(
    _ client: IntentsHarness.Client, _ intent: String, _ minor: Int64?, key: String,
    acceptsReturnRisk: Bool = false
  ) async throws -> Answer {
    let request = IntentsV1.CreateRefundRequest(
      paymentIntentID: intent,
      amount: minor.map { CommonV1.Money(currency: "EUR", amountMinor: $0) }, reason: .duplicate,
      acceptReturnRisk: acceptsReturnRisk)
    let call = ClientRequest(message: request, metadata: [CallMetadata.idempotencyKey: "\(key)"])
    return try await IntentsV1.Refunds.Client(wrapping: client).createRefund(request: call) {
      response in
      guard let refund = try response.message.refund else { throw TestSetupError("empty") }
      let mark = response.metadata[stringValues: CallMetadata.replayed].contains("true")
      return Answer(refund: refund, isReplayed: mark)
    }
  }

  static func reason(_ call: () async throws -> Answer) async -> String {
    do {
      return "answered: \(try await call().refund.status)"
    } catch let error as RPCError {
      return StatusDetails(error)?.reason ?? "\(error.code)"
    } catch {
      return "\(error)"
    }
  }

  static func paid(_ harness: IntentsHarness, _ client: IntentsHarness.Client) async throws -> String {
    harness.router.gate.open()
    return try await IntentsHarness.pay(client, key: "pay").intent.id
  }

  static func intent(
    _ client: IntentsHarness.Client, _ id: String
  ) async throws -> IntentsV1.PaymentIntent {
    let answer = try await IntentsV1.PaymentIntents.Client(wrapping: client).getPaymentIntent(
      IntentsV1.GetPaymentIntentRequest(paymentIntentID: id))
    guard let intent = answer.paymentIntent else { throw TestSetupError("empty") }
    return intent
  }

  static func get(
    _ client: IntentsHarness.Client, _ id: String
  ) async throws -> IntentsV1.Refund {
    let answer = try await IntentsV1.Refunds.Client(wrapping: client).getRefund(
      IntentsV1.GetRefundRequest(refundID: id))
    guard let refund = answer.refund else { throw TestSetupError("empty") }
    return refund
  }

  /// The kinds of the postings that wait for the ledger, in order.
  static func postings(_ harness: IntentsHarness) async throws -> [LedgerV1.PostingCommand] {
    try await harness.database.query(
      "select payload from outbox where destination = 'ledger' order by sequence"
    ).map { try LedgerV1.PostingCommand(decoding: $0[0, as: [UInt8].self], strict: false) }
  }

  /// `data.object` of the refund events, in order.
  static func objects(_ harness: IntentsHarness) async throws -> [[String: Any]] {
    try await harness.database.query(
      "select payload from outbox where destination = 'webhooks' order by sequence"
    ).map { try WebhooksV1.EventToPublish(decoding: $0[0, as: [UInt8].self], strict: false) }
      .filter { $0.objectID.hasPrefix("re_") }
      .map {
        let parsed = try JSONSerialization.jsonObject(with: Data($0.objectJson.utf8))
        guard let object = parsed as? [String: Any] else { throw TestSetupError("no object") }
        return object
      }
  }

  static func events(_ harness: IntentsHarness) async throws -> [String] {
    try await harness.database.query(
      "select payload from outbox where destination = 'webhooks' order by sequence"
    ).map { try WebhooksV1.EventToPublish(decoding: $0[0, as: [UInt8].self], strict: false).type }
      .filter { $0.hasPrefix("refund.") }
  }

  // MARK: The guard

  @Test func ofTwoThatDoNotFitTogetherOneWins() async throws {
    try await IntentsHarness.with { harness in
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        async let first = Self.reason { try await Self.refund(client, id, 3_000, key: "a") }
        async let second = Self.reason { try await Self.refund(client, id, 3_000, key: "b") }
        // Both have been decided before any gateway answers.
        await harness.happenings.wait(for: .refundAsked)
        try await eventually {
          try await harness.database.query(
            "select 1::int from idempotency_key where method = 'CreateRefund' and state = 1"
          ).count == 1
        }
        harness.router.refundGate.open()
        #expect(Set(await [first, second]) == ["answered: \(IntentsV1.RefundStatus.succeeded)", "AMOUNT_TOO_LARGE"])
        #expect(harness.router.refunds.totalMinor == 3_000)
        let after = try await Self.intent(client, id)
        #expect(after.amountRefundedMinor == 3_000 && after.amountRefundableMinor == 1_999)
        let rest = try await Self.refund(client, id, nil, key: "c").refund
        #expect(rest.amount?.amountMinor == 1_999)
        #expect(
          await Self.reason { try await Self.refund(client, id, nil, key: "d") }
            == "AMOUNT_TOO_LARGE")
        #expect(harness.router.refunds.totalMinor == 4_999)
      }
    }
  }

  /// Many at once, with one row each: what was given back never exceeds what was captured.
  @Test func twentyAtOnceNeverExceedTheCapture() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let answers = await withTaskGroup(of: String.self) { group in
          for number in 0..<20 {
            group.addTask {
              await Self.reason { try await Self.refund(client, id, 900, key: "r\(number)") }
            }
          }
          return await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(answers.filter { $0 == "AMOUNT_TOO_LARGE" }.count == 15, "\(answers)")
        #expect(harness.router.refunds.count == 5 && harness.router.refunds.totalMinor == 4_500)
      }
    }
  }

  @Test func anotherMerchantsPaymentIsNotThere() async throws {
    try await IntentsHarness.with { harness in
      let id = try await harness.withClient { try await Self.paid(harness, $0) }
      let stranger = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0004)
      try await harness.withClient(as: "spiffe://tender/merchant/\(stranger)/test") { client in
        #expect(
          await Self.reason { try await Self.refund(client, id, 1, key: "x") }
            == "PAYMENT_INTENT_NOT_FOUND")
      }
      #expect(harness.router.refunds.count == 0)
    }
  }

  // MARK: Keys

  @Test func aKeyIsOneRefund() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let first = try await Self.refund(client, id, 1_000, key: "k")
        let again = try await Self.refund(client, id, 1_000, key: "k")
        #expect(!first.isReplayed && again.isReplayed && first.refund == again.refund)
        #expect(
          await Self.reason { try await Self.refund(client, id, 1_001, key: "k") }
            == "IDEMPOTENCY_KEY_REUSED")
        #expect(harness.happenings.count(.refundAsked) == 1)
        #expect(first.refund.status == .succeeded && first.refund.reason == .duplicate)
        #expect(first.refund.gatewayReference == "re_gateway")
      }
      #expect(try await Self.events(harness) == ["refund.created", "refund.succeeded"])
      let postings = try await Self.postings(harness)
      #expect(postings.map(\.kind) == ["capture", "refund"])
      #expect(postings[1].entries.map(\.amount?.amountMinor) == [1_000, 1_000])
      #expect(postings[1].recordsFact)
      let objects = try await Self.objects(harness)
      #expect(objects.map { $0["status"] as? String } == ["pending", "succeeded"])
      #expect(objects.map { $0["version"] as? Int } == [1, 2])
      #expect(objects[0]["pending_reason"] as? String == "outcome_unknown")
      for object in objects {
        #expect(object["object"] as? String == "refund" && object["currency"] as? String == "EUR")
        #expect(object["amount_minor"] as? Int == 1_000 && object["reason"] as? String == "duplicate")
        #expect(object["gateway"] as? String == "stripe" && object["failure"] is NSNull)
      }
    }
  }

  // MARK: What dies in between

  /// gateway-router is away: the answer is pending, nothing is released, and recovery drives it on.
  @Test func aRefundWithoutAnAnswerIsDrivenOn() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      harness.router.refunds.behave(.unreachable)
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let answer = try await Self.refund(client, id, 3_000, key: "k").refund
        #expect(answer.status == .pending && answer.pendingReason == .outcomeUnknown)
        #expect(answer.nextCheckAt != nil)
        #expect(try await Self.intent(client, id).amountRefundableMinor == 1_999)
        #expect(
          await Self.reason { try await Self.refund(client, id, 2_000, key: "l") }
            == "AMOUNT_TOO_LARGE")
        harness.router.refunds.behave(.succeed)
        try await TestDatabase.current.run(
          "update intents.refund set next_check_at = now() - interval '1 second'")
        try await harness.service.start()
        try await eventually { try await Self.get(client, answer.id).status == .succeeded }
        await harness.service.shutdown()
        #expect(harness.router.refunds.count == 1 && harness.router.refunds.totalMinor == 3_000)
      }
    }
  }

  private static func openAlerts(_ harness: IntentsHarness) async throws -> Int64 {
    try await harness.database.query(
      "select count(*) from alert where kind = 'refund_outcome_unknown' and state = 'open'"
    ).single()[0, as: Int64.self]
  }

  /// Silence decides nothing, however long; people hear of it, and of its end.
  @Test func aRefundThatStaysUnknownIsForPeople() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      harness.router.refunds.behave(.unreachable)
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let made = try await Self.refund(client, id, 3_000, key: "k").refund
        let due: (String) async throws -> Void = { age in
          try await TestDatabase.current.run(
            "update intents.refund set next_check_at = now(), created_at = now() - interval '\(age)'")
        }
        try await due("30 days")
        try await harness.service.start()
        try await eventually { try await Self.openAlerts(harness) == 1 }
        #expect(try await Self.get(client, made.id).status == .pending)
        #expect(try await Self.intent(client, id).amountRefundableMinor == 1_999)
        harness.router.refunds.behave(.succeed)
        try await due("30 days")
        try await eventually { try await Self.get(client, made.id).status == .succeeded }
        try await eventually { try await Self.openAlerts(harness) == 0 }
        await harness.service.shutdown()
      }
    }
  }

  /// The holder of the claim is dead: somebody else ends it, and the old holder changes nothing.
  @Test func anAbandonedClaimEndsWithItsOneRefund() async throws {
    try await IntentsHarness.with { harness in
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        // Whichever of the two ends it: the other one finds its fence lost, and says so.
        async let answer = Self.reason { try await Self.refund(client, id, 3_000, key: "k") }
        await harness.happenings.wait(for: .refundAsked)
        try await TestDatabase.current.run(
          "update intents.idempotency_key set lease_until = now() - interval '1 second' "
            + "where state = 0")
        try await harness.service.start()
        await harness.happenings.wait(for: .refundAsked, 2)
        harness.router.refundGate.open()
        let answered = await answer
        #expect(
          ["answered: \(IntentsV1.RefundStatus.succeeded)", "IDEMPOTENCY_IN_PROGRESS"]
            .contains(answered), "\(answered)")
        try await eventually {
          try await harness.database.query(
            "select 1::int from idempotency_key where method = 'CreateRefund' and state = 1"
          ).count == 1
        }
        await harness.service.shutdown()
        let replayed = try await Self.refund(client, id, 3_000, key: "k")
        #expect(replayed.isReplayed && replayed.refund.status == .succeeded)
        #expect(harness.router.refunds.count == 1)
        let rows = try await harness.database.query("select count(*) from refund")
        #expect(try rows.single()[0, as: Int64.self] == 1)
      }
    }
  }

  /// Refused before anything was sent: failed, with a reason, and its amount is free again.
  @Test func aRefundThatCanNeverBeHasFailed() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      harness.router.refunds.behave(.refuse)
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let answer = try await Self.refund(client, id, 3_000, key: "k").refund
        #expect(answer.status == .failed && answer.failure?.code == "operation_not_won")
        #expect(answer.gateway == "stripe")
        #expect(try await Self.intent(client, id).amountRefundableMinor == 4_999)
      }
      #expect(try await Self.events(harness) == ["refund.created", "refund.failed"])
      #expect(try await Self.postings(harness).map(\.kind) == ["capture"])
    }
  }

  /// A refusal that says that the two sides know different things decides nothing: people hear of it
  /// at once.
  @Test func aContradictionDecidesNothing() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      harness.router.refunds.behave(.contradict)
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let answer = try await Self.refund(client, id, 3_000, key: "k").refund
        #expect(answer.status == .pending && answer.pendingReason == .outcomeUnknown)
        #expect(try await Self.intent(client, id).amountRefundableMinor == 1_999)
      }
      let alerts = try await harness.database.query("select kind from alert where state = 'open'")
      #expect(try alerts.map { try $0[0, as: String.self] } == ["refund_refused"])
    }
  }

  /// After a restore: gateway-router tells of a refund that is not here. Money that moved is booked.
  @Test func aRefundThatARestoreHasLostIsTakenUp() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let row = try await harness.database.query("select id from operation").single()
        let lost = RefundID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0c06)
        let fact = GatewayV1.Fact(
          operationID: try row[0, as: OperationID.self].description, intentID: id,
          merchantID: IntentsHarness.merchant.description, sequence: 2, kind: .refunded,
          amount: CommonV1.Money(currency: "EUR", amountMinor: 700), gateway: "stripe",
          gatewayAccount: "test", gatewayReference: "re_gateway", refundID: lost.description)
        #expect(try await Self.tell(harness, fact, key: "f1") == ["applied"])
        #expect(try await Self.get(client, lost.description).status == .succeeded)
        #expect(try await Self.intent(client, id).amountRefundableMinor == 4_299)
      }
      #expect(try await Self.postings(harness).map(\.kind) == ["capture", "refund"])
    }
  }
}
