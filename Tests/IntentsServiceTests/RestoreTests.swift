import GRPCCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import IntentsService

/// The claims that a restore of the database has lost: while it is closed nothing begins, and a key
/// that has paid before never pays again.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct RestoreTests {
  @Test func aKeyThatHasPaidBeforeARestoreIsAnsweredAndNeverChargedAgain() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let paid = try await payments.pay("k")
      #expect(paid.status == .succeeded)
      let lost = try await Self.lose(payments, paid)
      try await payments.setGate(closed: true)

      // Nothing begins, nothing is stored: also not for the key that has paid.
      for key in ["k", "other"] {
        #expect(await Payments.word { try await payments.pay(key) } == "RESTORE_IN_PROGRESS")
      }
      #expect(try await payments.count("select count(*) from idempotency_key") == 0)
      #expect(try await payments.count("select count(*) from payment_intent") == 0)

      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.restore(lost) == .known, "told twice, it is one")
      let waiting = try await payments.get(paid.id)
      #expect(waiting.status == .processing && waiting.processingReason == .outcomeUnknown)
      #expect(try await payments.tell(Self.fact(lost)) == ["applied"])
      let back = try await payments.get(paid.id)
      #expect(back.status == .succeeded && back.amountCapturedMinor == 4_999)
      #expect(try await payments.postings().map(\.kind) == ["capture"])
      #expect(
        try await payments.events(paid.id)
          == ["payment_intent.created", "payment_intent.succeeded"])

      // The repetition, closed and open: the payment as it stands.
      for closed in [true, false] {
        try await payments.setGate(closed: closed)
        let again = try await IntentsHarness.pay(payments.client, key: "k")
        #expect(again.intent.id == paid.id && again.intent.status == .succeeded)
        #expect(again.isReplayed)
        #expect(
          await Payments.word { try await payments.pay("k", minor: 5_000) }
            == "IDEMPOTENCY_KEY_REUSED")
      }
      #expect(payments.harness.router.captures == 1)
      #expect(payments.harness.happenings.count(.routerAsked) == 1)
      // Other keys pay again, among them the one that was refused meanwhile.
      #expect(try await payments.pay("other").status == .succeeded)
      #expect(payments.harness.router.captures == 2)
    }
  }

  /// No gateway was told what a payment is for: who repeats its call says it, and hears of it again.
  @Test func aRebuiltPaymentIsForWhatItsCallSays() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let first = try await payments.bill("in_1")
      let lost = try await Self.lose(payments, first)
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.tell(Self.fact(lost)) == ["applied"])
      // The invoice is made anew, under another id.
      let again = try await payments.bill("in_2")
      #expect(again.id == first.id && again.status == .succeeded)
      #expect(
        await Payments.word { try await payments.bill("in_3") } == "IDEMPOTENCY_KEY_REUSED")
      #expect(try await payments.bill("in_2").id == first.id, "repeated, the same again")
      #expect(try await payments.count("select count(*) from origin where id = 'in_2'") == 1)
      let news = "select count(*) from outbox where destination = 'billing'"
      #expect(try await payments.count(Statement(sql: news)) == 0)
      #expect(
        try await payments.hear(.returned, of: first.id, minor: 4_999) { $0.movementID = "m" }
          == ["applied"])
      #expect(try await payments.count(Statement(sql: news)) == 1)
      #expect(payments.harness.router.captures == 1)
    }
  }

  @Test func aLostConfirmIsGivenBackToItsIntent() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let made = try await payments.create(key: "create")
      #expect(try await payments.confirm(made.id, key: "confirm").status == .succeeded)
      let lost = try await Self.lost(payments, made)
      // What it was at the point: created, and nothing else.
      try await TestDatabase.current.run(
        """
        delete from intents.operation; delete from intents.capture; delete from intents.outbox;
        delete from intents.idempotency_key where method = 'ConfirmPaymentIntent';
        delete from intents.payment_intent_change where version > 1;
        update intents.payment_intent set status = 1, version = 1, current_operation_id = null;
        """)
      try await payments.setGate(closed: true)
      #expect(
        await Payments.word { try await payments.confirm(made.id, key: "confirm") }
          == "RESTORE_IN_PROGRESS")
      #expect(try await payments.get(made.id).status == .created)
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.tell(Self.fact(lost)) == ["applied"])
      try await payments.setGate(closed: false)
      let again = try await payments.confirm(made.id, key: "confirm")
      #expect(again.id == made.id && again.status == .succeeded)
      #expect(
        await Payments.word { try await payments.confirm(made.id, key: "new") }
          == "PAYMENT_INTENT_STATE")
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// What cannot be rebuilt leaves its claim: the refusal says where to look.
  @Test func aClaimAloneIsRefusedWithItsReference() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let paid = try await payments.pay("k")
      var lost = try await Self.lose(payments, paid)
      lost.claimOnly = true
      lost.claimState = .pending
      #expect(try await payments.restore(lost) == .restored)
      // While it may still be rebuilt nobody is to choose another key.
      do {
        _ = try await payments.pay("k")
        Issue.record("charged")
      } catch let error as RPCError {
        let details = try #require(StatusDetails(error))
        #expect(details.reason == "RESTORED_PAYMENT_UNRESOLVED" && error.code == .unavailable)
        #expect(details.retryAfterMilliseconds != nil)
      }
      lost.claimState = .forPeople
      #expect(try await payments.restore(lost) == .restored)
      // What is known is not taken back.
      lost.claimState = .pending
      #expect(try await payments.restore(lost) == .restored)
      try await payments.setGate(closed: true)
      #expect(await Payments.word { try await payments.pay("k") } == "RESTORE_IN_PROGRESS")
      try await payments.setGate(closed: false)
      do {
        _ = try await payments.pay("k")
        Issue.record("charged")
      } catch let error as RPCError {
        let details = try #require(StatusDetails(error))
        #expect(details.reason == "PAYMENT_BEFORE_RESTORE" && error.code == .failedPrecondition)
        #expect(details.metadata["gateway_reference"] == "pi_at_stripe")
        #expect(details.metadata["payment_intent_id"] == paid.id)
      }
      #expect(try await payments.count("select count(*) from payment_intent") == 0)
      #expect(payments.harness.router.captures == 1)
      // Rebuilt after all, it answers.
      lost.claimOnly = false
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.pay("k").id == paid.id)
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// Its customer has paid, or may have: nobody is to hear that nothing will be charged.
  @Test func anIntentWithALostPaymentIsNotCanceled() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let (made, other) = (
        try await payments.create(key: "made"), try await payments.create(key: "other")
      )
      var lost = IntentsV1.RestorePaymentRequest(
        intentID: made.id, operationID: OperationID(bits: 77).description,
        keyProof: Array(repeating: 7, count: 32), claimOnly: true, gateway: "stripe",
        gatewayAccount: "main", gatewayReference: "pi_lost")
      for state in [IntentsV1.RestoredClaimState.pending, .forPeople] {
        lost.claimState = state
        #expect(try await payments.restore(lost) == .restored)
        #expect(
          await Payments.word { try await payments.cancel(made.id, key: "c") }
            == "RESTORED_PAYMENT_UNRESOLVED")
      }
      #expect(try await payments.get(made.id) == made)
      #expect(
        try await payments.count(
          "select count(*) from idempotency_key where method = 'CancelPaymentIntent'") == 0)
      // While it is closed nobody knows yet what was paid.
      try await payments.setGate(closed: true)
      #expect(
        await Payments.word { try await payments.cancel(other.id, key: "o") }
          == "RESTORE_IN_PROGRESS")
      try await payments.setGate(closed: false)
      #expect(try await payments.cancel(other.id, key: "o").status == .canceled)
      lost.claimState = .settled
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.cancel(made.id, key: "c").status == .canceled)
    }
  }

  /// The claim comes with the page that names a payment, before anybody knows whose operation it is.
  @Test func theClaimOfAKnownOperationAnswersOnceItIsRecognised() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let paid = try await payments.pay("k")
      var lost = try await Self.lost(payments, paid)
      lost.claimOnly = true
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.pay("k").id == paid.id, "its own claim is there")
      // A day later that has expired.
      try await TestDatabase.current.run("delete from intents.idempotency_key")
      #expect(await Payments.word { try await payments.pay("k") } == "PAYMENT_BEFORE_RESTORE")
      lost.claimOnly = false
      #expect(try await payments.restore(lost) == .known)
      #expect(try await payments.pay("k").id == paid.id)
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// Another merchant's, nobody's, another amount, an operation in its way: nothing is changed.
  @Test func whatContradictsIsNotRestored() async throws {
    try await Payments.with { payments in
      try await Self.merchant()
      let other = MerchantID(bits: IntentsHarness.merchant.bits &+ 2)
      payments.harness.router.behave(.unknown)
      let open = try await payments.pay("open")
      var forged = try await Self.lost(payments, open)
      forged.operationID = OperationID(bits: 77).description
      forged.keyProof = Array(repeating: 7, count: 32)
      #expect(try await payments.restore(forged, of: other) == .refused, "no such merchant")
      try await Self.merchant(other)
      #expect(try await payments.restore(forged, of: other) == .refused, "not its intent")
      #expect(try await payments.count("select count(*) from restored_claim") == 0)
      #expect(try await payments.restore(forged) == .later)
      var dearer = forged
      dearer.amount = CommonV1.Money(currency: "EUR", amountMinor: 1)
      #expect(try await payments.restore(dearer) == .refused)
      #expect(try await payments.count("select count(*) from operation") == 1)
      #expect(try await payments.get(open.id) == open)
      forged.keyProof = [1, 2, 3]
      await #expect(throws: RPCError.self) { try await payments.restore(forged) }
    }
  }

  /// Captures and refunds are held as well; what a fact tells goes on.
  @Test func capturesAndRefundsAreHeldToo() async throws {
    try await Payments.with { payments in
      let held = try await payments.held()
      payments.harness.router.behave(.capture)
      let paid = try await payments.pay("paid")
      try await payments.setGate(closed: true)
      #expect(
        await Payments.word { try await payments.capture(held, nil, key: "c") }
          == "RESTORE_IN_PROGRESS")
      await #expect(throws: RPCError.self) {
        try await IntentsV1.Refunds.Client(wrapping: payments.client).createRefund(
          IntentsV1.CreateRefundRequest(paymentIntentID: paid.id, acceptReturnRisk: true),
          metadata: OutgoingCall.metadata(key: "r"))
      }
      #expect(try await payments.count("select count(*) from refund") == 0)
      #expect(try await payments.get(held).status == .requiresCapture)
      #expect(try await payments.hear(.captured, of: held, minor: 10_000) == ["applied"])
      try await payments.setGate(closed: false)
      let refund = try await IntentsV1.Refunds.Client(wrapping: payments.client).createRefund(
        IntentsV1.CreateRefundRequest(paymentIntentID: paid.id, acceptReturnRisk: true),
        metadata: OutgoingCall.metadata(key: "r"))
      #expect(refund.refund != nil)
    }
  }

  /// It stays held for long: nobody else's recovery waits for it.
  @Test func whatIsHeldIsAskedForOnceAMinute() async throws {
    try await Payments.with { payments in
      let paid = try await payments.pay("paid")
      payments.harness.router.behave(.held)
      payments.harness.router.refunds.behave(.held)
      let held = try await payments.pay("k")
      #expect(held.status == .processing && held.processingReason == .outcomeUnknown)
      let refund = try await IntentsV1.Refunds.Client(wrapping: payments.client).createRefund(
        IntentsV1.CreateRefundRequest(paymentIntentID: paid.id, acceptReturnRisk: true),
        metadata: OutgoingCall.metadata(key: "r"))
      #expect(refund.refund?.status == .pending)
      let happenings = payments.harness.happenings
      #expect(happenings.count(.routerAsked) == 2 && happenings.count(.refundAsked) == 1)
      #expect(try await Self.putOff(payments) == [1, 1])

      try await TestDatabase.current.run(
        """
        update intents.payment_intent set updated_at = now() - interval '1 hour',
          next_check_at = now() - interval '1 second' where status = 3;
        update intents.refund set next_check_at = now() - interval '1 second';
        """)
      try await payments.harness.service.start()
      try await eventually { try await Self.putOff(payments) == [1, 1] }
      await payments.harness.service.shutdown()
      #expect(happenings.count(.closeAsked) == 1 && happenings.count(.refundAsked) == 2)
    }
  }

  // MARK: Parts

  /// Intents and refunds that recovery leaves alone for most of a minute.
  private static func putOff(_ payments: Payments) async throws -> [Int64] {
    let later = "extract(epoch from next_check_at - now()) between 45 and 60"
    return [
      try await payments.count(
        Statement(sql: "select count(*) from payment_intent where status = 3 and \(later)")),
      try await payments.count(
        Statement(sql: "select count(*) from refund where status = 1 and \(later)")),
    ]
  }

  static func merchant(_ id: MerchantID = IntentsHarness.merchant) async throws {
    let digits = String(id.bits, radix: 16)
    let uuid = String(repeating: "0", count: 32 - digits.count) + digits
    try await TestDatabase.current.run(
      """
      insert into intents.merchant (id, name, livemode, actor, trace_id)
      values ('\(uuid)', 'test', false, 'test', '\\x00')
      """)
  }

  /// What gateway-router would read of the payment at its gateway.
  static func lost(
    _ payments: Payments, _ intent: IntentsV1.PaymentIntent
  ) async throws -> IntentsV1.RestorePaymentRequest {
    let row = try await payments.harness.database.query(
      "select id, key_proof from operation where intent_id = \(PaymentIntentID(intent.id))"
    ).single()
    return IntentsV1.RestorePaymentRequest(
      intentID: intent.id, operationID: try row[0, as: OperationID.self].description,
      keyProof: try row[1, as: [UInt8].self],
      amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999), captureMethod: .automatic,
      paymentMethodID: IntentsHarness.method.description, createdAt: intent.createdAt,
      gateway: "stripe", gatewayAccount: "main", gatewayReference: "pi_at_stripe")
  }

  /// The same, and everything of it is gone.
  static func lose(
    _ payments: Payments, _ intent: IntentsV1.PaymentIntent
  ) async throws -> IntentsV1.RestorePaymentRequest {
    let lost = try await lost(payments, intent)
    try await TestDatabase.current.run(
      """
      delete from intents.payment_intent; delete from intents.payment_intent_change;
      delete from intents.operation; delete from intents.capture; delete from intents.outbox;
      delete from intents.idempotency_key;
      """)
    return lost
  }

  static func fact(_ lost: IntentsV1.RestorePaymentRequest) -> GatewayV1.Fact {
    GatewayV1.Fact(
      operationID: lost.operationID, intentID: lost.intentID,
      merchantID: IntentsHarness.merchant.description, sequence: 1, kind: .captured,
      amount: lost.amount, gateway: "stripe", gatewayAccount: "main",
      gatewayReference: "pi_at_stripe", occurredAt: lost.createdAt)
  }
}
