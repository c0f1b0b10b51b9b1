import GatewayAdapters
import GatewayCore
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Direct debits at both gateways: days of processing, then paid or refused, and perhaps returned
/// weeks later, on the simulator's clock; told by what the gateway would tell.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ReturnTests {
  private func debit(_ name: String, _ harness: GatewayHarness) {
    harness.vault.method.withLock {
      $0 = .init(type: .sepaDebit, stripe: "pm_\(name)", adyen: "stored_\(name)")
    }
  }

  /// What Stripe's list has, as if its webhook had brought it; each as often as it is asked.
  private func tellStripe(_ harness: GatewayHarness) async throws {
    let page = try await harness.events(EventWalk(listedUntil: 0))
    guard case .items(let events, false) = page else { throw TestSetupError("\(page)") }
    _ = try await harness.first.database.query(
      NotificationStatements.insert(
        events.map { .init(gateway: .stripe, id: $0.id, body: $0.body) }
      )
    )
    // Those of one operation wait for each other, which is none of their tries.
    try await eventually {
      try await harness.first.notice()
      try await harness.test.run(
        "update gateway.notification set next_try_at = now() where processed_at is null and tries = 0"
      )
      let untried: Int64 = try await harness.value(
        "select count(*) from notification where processed_at is null and tries = 0")
      return untried == 0
    }
  }

  private func facts(
    _ order: OperationRecord,
    _ harness: GatewayHarness
  ) async throws -> [GatewayV1.Fact] {
    try await harness.first.execute(order)
  }

  @Test func aDebitIsPaidAfterDaysAndReturnedWeeksLater() async throws {
    try await GatewayHarness.with { harness in
      debit("sepa_debit_returned", harness)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.pending])
      try await harness.gateways.advance(hours: 24)
      try await tellStripe(harness)
      #expect(try await facts(order, harness).kinds == [.pending], "the bank has not answered yet")

      try await harness.gateways.advance(hours: 49)
      try await eventually {
        try await harness.gateways.payments().first?.status == "succeeded"
      }
      try await tellStripe(harness)
      #expect(try await facts(order, harness).kinds == [.pending, .captured])

      try await harness.gateways.advance(hours: 24 * 21)
      try await eventually { try await harness.gateways.payments().first?.disputed == 4_999 }
      try await tellStripe(harness)
      try await tellStripe(harness)
      let all = try await facts(order, harness)
      #expect(all.kinds == [.pending, .captured, .returned])
      let last = try #require(all.last)
      #expect(last.sequence == 3 && last.amount?.amountMinor == 4_999)
      #expect(last.decline?.gatewayCode == "debit_not_authorized")
      #expect(last.movementID.hasPrefix("du_"))
      let sent: Int64 = try await harness.value("select count(*) from outbox")
      #expect(sent == 3)
      #expect(try await harness.alerts().isEmpty)
      // Whoever has not heard of it yet asks in vain.
      let asked = try await harness.first.refund(order, RefundRecoveryTests.refund, minor: 1)
      #expect(asked.last?.kind == .refundFailed)
      #expect(try await harness.gateways.payments().map(\.refunded) == [0])
    }
  }

  @Test func aDebitThatTheBankRefusesIsDeclinedAfterDays() async throws {
    try await GatewayHarness.with { harness in
      debit("sepa_debit_fails", harness)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.pending])
      try await harness.gateways.advance(hours: 73)
      try await eventually {
        try await harness.gateways.payments().first?.status == "requires_payment_method"
      }
      try await tellStripe(harness)
      #expect(try await facts(order, harness).kinds == [.pending, .declined])
    }
  }

  /// Given up, and paid all the same: what the payer's bank takes back is its way back.
  @Test func aCondemnedDebitThatTheBankReturnsIsNotRefundedAsWell() async throws {
    try await GatewayHarness.with { harness in
      debit("sepa_debit_returned", harness)
      let order = try await condemned(harness)
      try await harness.gateways.advance(hours: 73)
      try await eventually {
        try await harness.gateways.payments().first?.status == "succeeded"
      }
      try await harness.gateways.advance(hours: 24 * 21)
      try await eventually { try await harness.gateways.payments().first?.disputed == 4_999 }
      try await tellStripe(harness)
      try await eventually {
        try await harness.hurry()
        try await harness.first.notice()
        return try await harness.first.load(order).operation.isFinal
      }
      #expect(try await harness.first.load(order).story == ["1 stripe condemned returned"])
      let all = try await facts(order, harness)
      #expect(all.kinds == [.pending, .orphanCaptured, .orphanReversed, .canceled])
      let (taken, back) = (all[1], all[2])
      #expect(taken.amount == back.amount && taken.movementID.isEmpty)
      #expect(back.movementID.hasPrefix("du_"))
      #expect(back.decline?.gatewayCode == "debit_not_authorized")

      try await harness.hurry()
      try await harness.first.recover()
      try await harness.second.recover()
      #expect(try await harness.gateways.payments().map(\.refunded) == [0])
      let open: Int64 = try await harness.value(
        "select count(*) from reversal where finished_at is null")
      #expect(open == 0)
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// Of a part nobody knows what is left: people look before anything more is given back.
  @Test func aPartThatTheBankReturnsStopsTheRefundOfTheWhole() async throws {
    try await GatewayHarness.with { harness in
      debit("sepa_debit", harness)
      let order = try await condemned(harness)
      try await harness.gateways.advance(hours: 73)
      try await eventually {
        try await harness.gateways.payments().first?.status == "succeeded"
      }
      let payment = try #require(try await harness.gateways.payments().first)
      let body = """
        {"id":"evt_part","type":"charge.dispute.created","livemode":false,"data":{"object":{
        "object":"dispute","id":"du_part","payment_intent":"\(payment.id)","amount":1000,
        "currency":"eur","status":"lost","reason":"debit_not_authorized"}}}
        """
      _ = try await harness.first.database.query(
        NotificationStatements.insert([.init(gateway: .stripe, id: "evt_part", body: Array(body.utf8))])
      )
      try await harness.first.notice()
      #expect(try await harness.alerts().contains("return_conflicts"))
      for _ in 0..<2 {
        try await harness.hurry()
        try await harness.first.recover()
        try await harness.second.recover()
      }
      #expect(try await harness.first.load(order).story == ["1 stripe condemned captured"])
      #expect(try await harness.gateways.payments().map(\.refunded) == [0])
    }
  }

  /// A debit that the bank works on for so long that it is given up.
  private func condemned(_ harness: GatewayHarness) async throws -> OperationRecord {
    let order = harness.order()
    #expect(try await harness.first.execute(order).kinds == [.pending])
    try await GiveUpTests.age(harness, minutes: 30 * 1_440)
    try await harness.hurry()
    try await harness.first.recover()
    #expect(try await harness.first.load(order).story == ["1 stripe condemned pending"])
    return order
  }

  /// Adyen's own words for it, signed or not: what arrives here was verified.
  @Test func adyensChargebackOfADebitIsAReturnOnce() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      debit("sepa_debit_returned", harness)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.pending])
      let record = try await harness.first.load(order)
      let attempt = try #require(record.operation.attempts.first?.attempt)
      let reference = GatewayReference.authorize(attempt.id).text
      let psp = try #require(attempt.reference)
      func tell(
        _ code: String,
        _ id: String,
        original: String = "",
        minor: Int64 = 4_999
      ) async throws {
        let body = """
          {"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"\(code)",
          "pspReference":"\(id)","originalReference":"\(original)","success":"true",
          "merchantAccountCode":"\(TestGateways.adyenAccount)","merchantReference":"\(reference)",
          "paymentMethod":"sepadirectdebit","reason":"MD06:Refund request by end customer",
          "amount":{"currency":"EUR","value":\(minor)},
          "additionalData":{"chargebackReasonCode":"MD06"}}}]}
          """
        let notice = try #require(AdyenNotices.parse(Array(body.utf8)).first)
        _ = try await harness.first.database.query(
          NotificationStatements.insert([
            .init(gateway: .adyen, id: notice.deduplicationKey, body: Array(body.utf8))
          ])
        )
        try await harness.hurry()
        try await harness.first.notice()
      }
      // Out of order: the return is told before the debit was paid, and waits.
      try await tell("CHARGEBACK", "back1", original: psp)
      #expect(try await facts(order, harness).kinds == [.pending])
      try await tell("AUTHORISATION", psp)
      // The two of one operation wait for each other.
      try await eventually {
        try await harness.hurry()
        try await harness.second.notice()
        return try await facts(order, harness).kinds.last == .returned
      }
      let all = try await facts(order, harness)
      #expect(all.kinds.last == .returned, "\(all.kinds)")
      #expect(all.last?.movementID == "back1" && all.last?.decline?.gatewayCode == "MD06")
      try await tell("CHARGEBACK", "back1", original: psp)
      #expect(try await facts(order, harness).count == all.count)
      // More than there was is nobody's return.
      try await tell("CHARGEBACK", "back2", original: psp)
      #expect(try await facts(order, harness).count == all.count)
      #expect(try await harness.alerts().contains("return_conflicts"))
    }
  }
}
