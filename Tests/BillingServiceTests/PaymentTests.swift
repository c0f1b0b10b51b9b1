import BillingCore
import GRPCCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import BillingService

@Suite(.freshDatabase(service: "billing"))
struct PaymentTests {
  /// The answer of intents is lost: the worker asks again with the same key, and nothing is charged
  /// twice.
  @Test func lostAnswerIsAskedForAgain() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.answerLost)
      let made = try await billing.subscribe(try await billing.price(1_500))
      #expect(made.subscription.status == .incomplete)
      #expect(made.invoice.status == .open)
      await billing.worker.look()
      #expect(billing.payments.charges.count == 1)
      billing.clock.advance(by: .seconds(16))
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .active)
      #expect(Set(billing.payments.charges.map(\.key)).count == 1)
      #expect(billing.payments.succeeded == 1)
      #expect(try await billing.count("select count(*) from payment_try where state = 1") == 0)
    }
  }

  /// Nothing reached intents for a while: the invoice waits, cannot be voided, and is charged once.
  @Test func unreachableIntentsHoldsTheInvoice() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.unreachable)
      let made = try await billing.subscribe(try await billing.price(1_500))
      for _ in 0..<4 {
        billing.clock.advance(by: .seconds(301))
        await billing.worker.look()
      }
      #expect(billing.payments.charges.count == 5)
      billing.clock.advance(by: .seconds(24 * 3_600))
      billing.payments.set(.succeeds)
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .active)
      #expect(billing.payments.succeeded == 1)
    }
  }

  /// The process dies after T1: a worker takes the claim over, pays, and stores the answer.
  @Test func abandonedClaimIsEnded() async throws {
    try await BillingHarness.with { billing in
      let price = try await billing.price(1_500)
      let subscribing = billing.calls.subscribing
      let request = BillingV1.CreateSubscriptionRequest(
        customerID: BillingHarness.customer.description, priceID: price, quantity: 1,
        paymentMethodID: BillingHarness.method.description)
      let draft = Subscribing.Draft(
        subscription: billing.environment.identifiers.make(),
        invoice: billing.environment.identifiers.make(), merchant: BillingHarness.merchant,
        customer: BillingHarness.customer, price: try #require(PriceID(price)),
        paymentMethod: BillingHarness.method, quantity: 1, key: "crash")
      let begun = try await billing.call("CreateSubscription", key: "crash") { _ in
        try await billing.environment.idempotency.begin(
          request, subject: UUIDBits(draft.subscription.bits)
        ) { transaction, _ in try await subscribing.start(draft, in: transaction) }
      }
      guard case .run(let claim) = begun else { throw TestSetupError("not claimed") }
      billing.environment.idempotency.release(claim)
      _ = try await billing.database.query(
        "update idempotency_key set lease_until = now() - interval '1 second' where state = 0")
      await billing.worker.look()
      #expect(try await billing.subscription(draft.subscription.description).status == .active)
      // The caller comes back with its key and gets the answer of what it began.
      let answered = try await billing.subscribe(price, key: "crash")
      #expect(answered.subscription.id == draft.subscription.description)
      #expect(billing.payments.succeeded == 1)
    }
  }

  @Test func manyOpenTriesAreAskedForInOneLook() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.answerLost)
      let price = try await billing.price(700)
      for index in 0..<10 { _ = try await billing.subscribe(price, key: "many\(index)") }
      billing.clock.advance(by: .seconds(16))
      await billing.worker.look()
      #expect(try await billing.count("select count(*) from subscription where status = 2") == 10)
      #expect(try await billing.count("select max(number) - count(*) from invoice") == 0)
      #expect(billing.payments.succeeded == 10)
    }
  }

  @Test func newsCountsOnceAndNeverBackwards() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.processing)
      let made = try await billing.subscribe(try await billing.price(1_500))
      let (invoice, intent) = (made.invoice.id, made.invoice.paymentIntentID)
      #expect(made.invoice.paymentStatus == .processing)
      #expect(try await billing.tell(invoice, intent, version: 5, .succeeded) == 1)
      #expect(try await billing.tell(invoice, intent, version: 5, .succeeded) == 0)
      #expect(try await billing.tell(invoice, intent, version: 4, .failed, code: "x") == 0)
      #expect(try await billing.invoice(invoice).status == .paid)
      #expect(try await billing.subscription(made.subscription.id).status == .active)
      #expect(try await billing.told().filter { $0 == "invoice.paid" }.count == 1)
    }
  }

  @Test func newsBeforeTheAnswer() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.answerLost)
      let made = try await billing.subscribe(try await billing.price(1_500))
      let id = try #require(InvoiceID(made.invoice.id))
      let intent = try #require(billing.payments.state.withLock { $0.intents[id]?.id })
      #expect(
        try await billing.tell(made.invoice.id, intent.description, version: 2, .succeeded) == 1)
      #expect(try await billing.subscription(made.subscription.id).status == .active)
      billing.clock.advance(by: .seconds(16))
      await billing.worker.look()
      #expect(try await billing.told().filter { $0 == "invoice.paid" }.count == 1)
      #expect(try await billing.count("select count(*) from payment_try where state = 1") == 0)
    }
  }

  /// The key has paid before a restore for what is not here: nobody asks again, nobody is told that it
  /// failed, and people hear of it.
  @Test func whatNobodyHereKnowsIsForPeople() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.isUnclear)
      let made = try await billing.subscribe(try await billing.price(1_500))
      #expect(made.invoice.status == .open)
      #expect(try await billing.count("select count(*) from payment_try where state = 1") == 0)
      #expect(!(try await billing.told().contains("invoice.payment_failed")))
      #expect(
        try await billing.count(
          "select count(*) from alert where state = 'open' and kind = 'invoice_payment_unclear'")
          == 1)
      billing.payments.set(.succeeds)
      billing.clock.advance(by: .seconds(3_600))
      await billing.worker.look()
      #expect(billing.payments.charges.count == 1)
    }
  }

  @Test func strangeNewsIsAlertedAndAcknowledged() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      let other = PaymentIntentID.generate(milliseconds: 9).description
      #expect(try await billing.tell(made.invoice.id, other, version: 90, .succeeded) == 0)
      let unknown = InvoiceID.generate(milliseconds: 9).description
      #expect(try await billing.tell(unknown, other, version: 1, .succeeded) == 0)
      #expect(
        try await billing.tell(
          made.invoice.id, made.invoice.paymentIntentID, version: 90, .failed, code: "x") == 1)
      #expect(try await billing.invoice(made.invoice.id).status == .paid)
      #expect(try await billing.count("select count(*) from alert where state = 'open'") == 3)
    }
  }

  /// Nothing was executed: the one intent is confirmed again, under the key of the next try.
  @Test func technicalFailureConfirmsTheSameIntentAgain() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.fails("abandoned_before_send"))
      let made = try await billing.subscribe(try await billing.price(1_500))
      #expect(made.subscription.status == .incomplete)
      #expect(try await !billing.told().contains("invoice.payment_failed"))
      billing.payments.set(.succeeds)
      billing.clock.advance(by: .seconds(31))
      await billing.worker.look()
      let charges = billing.payments.charges
      #expect(charges.count == 2)
      #expect(charges[0].intent == nil)
      #expect(charges[1].intent?.description == made.invoice.paymentIntentID)
      #expect(charges[0].key != charges[1].key)
      let invoice = try await billing.invoice(made.invoice.id)
      #expect(invoice.status == .paid)
      #expect(invoice.paymentTries == 2)
      #expect(invoice.paymentIntentID == made.invoice.paymentIntentID)
    }
  }

  /// After a restore the same periods are billed anew, under other ids: intents knows their keys.
  @Test func whatIsBilledAnewAfterARestoreIsNotChargedAgain() async throws {
    try await BillingHarness.with { billing in
      let price = try await billing.price(1_500)
      let made = try await billing.subscribe(price)
      func renew() async throws -> String {
        billing.clock.set(try #require(Timestamp("2026-02-15T12:00:00Z")))
        await billing.worker.look()
        return try #require(try await billing.invoices(made.subscription.id).first).id
      }
      let first = try await renew()
      // A restore takes the renewal.
      try await TestDatabase.current.run(
        """
        delete from billing.payment_try t using billing.invoice i
          where i.id = t.invoice_id and i.period = 1;
        delete from billing.invoice_line l using billing.invoice i
          where i.id = l.invoice_id and i.period = 1;
        delete from billing.invoice where period = 1;
        delete from billing.billed_period where period = 1;
        update billing.subscription set current_period = 0,
          current_period_start = anchor_at, current_period_end = '2026-02-15T12:00:00Z';
        """)
      #expect(try await renew() != first)
      #expect(billing.payments.succeeded == 2)
      #expect(Set(billing.payments.charges.map(\.key)).count == 2)
      #expect(try await billing.invoices(made.subscription.id).map(\.status) == [.paid, .paid])
      // Another one takes the subscription too; its caller makes it again.
      try await TestDatabase.current.run(
        """
        delete from billing.payment_try; delete from billing.invoice_line;
        delete from billing.invoice; delete from billing.billed_period;
        delete from billing.subscription; delete from billing.idempotency_key;
        """)
      let again = try await billing.subscribe(price)
      #expect(again.subscription.id != made.subscription.id && again.invoice.status == .paid)
      #expect(billing.payments.succeeded == 2)
      #expect(try await billing.subscribe(price, key: "other").invoice.status == .paid)
      #expect(billing.payments.succeeded == 3)
    }
  }

  /// What an error of intents proves about the money.
  @Test func errorsOfIntents() async throws {
    func answer(
      _ code: RPCError.Code, _ reason: String, _ metadata: [String: String] = [:]
    ) async -> ChargeAnswer {
      let failure = RPCFailure(code, reason, "x", metadata: metadata)
      let error = reason.isEmpty ? RPCError(code: code, message: "x") : RPCError(failure)
      return await ServicePort.answer(error, known: nil) { id in
        IntentsV1.PaymentIntent(id: id.description, status: .succeeded, version: 7)
      }
    }
    let owner = PaymentIntentID.generate(milliseconds: 1)
    let used = await answer(
      .alreadyExists, "ORIGIN_ALREADY_USED", ["payment_intent_id": owner.description])
    guard case .news(let news) = used else {
      Issue.record("\(used)")
      return
    }
    #expect(news.intent == owner && news.version == 7 && news.status == .succeeded)
    for (code, reason) in [
      (RPCError.Code.unavailable, ""), (.notFound, ""), (.deadlineExceeded, "DEADLINE_EXCEEDED"),
      (.failedPrecondition, "OTHER"), (.aborted, "IDEMPOTENCY_IN_PROGRESS"),
      (.unavailable, "RESTORED_PAYMENT_UNRESOLVED"),
      (.internalError, "INTERNAL"), (.permissionDenied, "CALLER_NOT_ALLOWED"),
    ] {
      guard case .unknown = await answer(code, reason) else {
        Issue.record("\(code) \(reason) is no proof")
        continue
      }
    }
    for reason in ["PAYMENT_BEFORE_RESTORE", "IDEMPOTENCY_KEY_REUSED"] {
      guard case .unclear(reason) = await answer(.failedPrecondition, reason) else {
        Issue.record("\(reason) is for people")
        continue
      }
    }
    guard case .refused(let reason) = await answer(.notFound, "CUSTOMER_NOT_FOUND") else {
      Issue.record("a refusal is a proof")
      return
    }
    #expect(reason == "CUSTOMER_NOT_FOUND")
  }
}
