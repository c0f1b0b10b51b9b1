import GRPCCore
import IntentsService
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

/// What happens to an intent after its first answer: captures, the end of an authorisation, a debit
/// that takes days, and one that goes back.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct LifeTests {
  // MARK: Captures

  @Test func ofTwoCapturesThatDoNotFitTogetherOneWins() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      async let first = Payments.word { try await payments.capture(id, 6_000, key: "a") }
      async let second = Payments.word { try await payments.capture(id, 6_000, key: "b") }
      let succeeded = "\(IntentsV1.PaymentIntentStatus.succeeded)"
      #expect(Set(await [first, second]) == [succeeded, "PAYMENT_INTENT_STATE"])
      let after = try await payments.get(id)
      #expect(after.amountCapturedMinor == 6_000 && after.amountCapturableMinor == 0)
      #expect(payments.harness.router.captures == 1)
      #expect(payments.harness.router.capturedMinor == 6_000)
    }
  }

  /// Many at once, with a key each: one row is asked for, one capture is sent.
  @Test func twentyCapturesAtOnceTakeTheMoneyOnce() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      let answers = await withTaskGroup(of: String.self) { group in
        for number in 0..<20 {
          group.addTask {
            await Payments.word { try await payments.capture(id, 6_000, key: "c\(number)") }
          }
        }
        return await group.reduce(into: [String]()) { $0.append($1) }
      }
      #expect(answers.filter { $0 == "PAYMENT_INTENT_STATE" }.count == 19, "\(answers)")
      #expect(payments.harness.router.captures == 1)
      #expect(try await payments.count("select count(*) from capture") == 1)
      #expect(try await payments.postings().map(\.kind) == ["capture"])
    }
  }

  @Test func aPartialCaptureIsFinal() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      #expect(
        await Payments.word { try await payments.capture(id, 10_001, key: "more") }
          == "AMOUNT_TOO_LARGE")
      let after = try await payments.capture(id, 6_000, key: "part")
      #expect(after.status == .succeeded && after.amountCapturedMinor == 6_000)
      #expect(after.amountCapturableMinor == 0 && after.amountRefundableMinor == 6_000)
      #expect(
        await Payments.word { try await payments.capture(id, 4_000, key: "rest") }
          == "PAYMENT_INTENT_STATE")
    }
  }

  /// A capture that its operation never did is not asked for at the operation that follows.
  @Test func aCaptureBelongsToItsOperation() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      payments.harness.router.behave(.unreachable)
      let asked = try await payments.capture(id, 6_000, key: "lost")
      #expect(asked.status == .processing && asked.processingReason == .capturePending)
      #expect(try await payments.hear(.canceled, of: id) == ["applied"])
      #expect(try await payments.get(id).status == .failed)
      #expect(try await payments.count("select count(*) from capture where state = 1") == 0)
      payments.harness.router.behave(.authorize)
      #expect(try await payments.confirm(id, key: "again").status == .requiresCapture)
      let done = try await payments.capture(id, 9_000, key: "whole")
      #expect(done.status == .succeeded && done.amountCapturedMinor == 9_000)
      #expect(payments.harness.router.capturedMinor == 9_000)
    }
  }

  /// A capture that was reported done and failed later: its own fact, event and ledger transaction.
  @Test func aCaptureThatFailsLateIsTakenBackInTheBooks() async throws {
    try await Payments.with { payments in
      let id = try await payments.held(5_000)
      let done = try await payments.capture(id, nil, key: "all")
      #expect(done.status == .succeeded && done.amountRefundableMinor == 5_000)
      let capture = try await payments.harness.database.query("select id from capture").single()
      let name = try capture[0, as: CaptureID.self].description
      #expect(
        try await payments.hear(.captureFailed, of: id, minor: 5_000) { $0.captureID = name }
          == ["applied"])
      let after = try await payments.get(id)
      #expect(after.status == .succeeded && after.version == done.version + 1)
      #expect(after.amountCapturedMinor == 0 && after.amountRefundableMinor == 0)
      #expect(try await payments.alerts() == ["capture_undone"])
      #expect(try await payments.events(id).last == "payment_intent.returned")
      let postings = try await payments.postings()
      #expect(postings.map(\.kind) == ["capture", "reversal"])
      let sides = postings.map { $0.entries.map { "\($0.accountCode) \($0.side)" }.sorted() }
      #expect(sides[0] != sides[1], "the second takes the first back")
    }
  }

  /// Money that came twice is booked twice, and people hear of it: nothing of it is swallowed.
  @Test func aSecondCaptureIsBookedAndForPeople() async throws {
    try await Payments.with { payments in
      let id = try await payments.pay("k").id
      let other = CaptureID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0a11).description
      let told = try await payments.hear(.captured, of: id, minor: 4_999) { $0.captureID = other }
      #expect(told == ["applied"])
      let after = try await payments.get(id)
      #expect(after.status == .succeeded && after.amountCapturedMinor == 9_998)
      #expect(try await payments.alerts() == ["captured_twice"])
      let postings = try await payments.postings()
      #expect(postings.map(\.kind) == ["capture", "capture"])
      #expect(Set(postings.map(\.transactionID)).count == 2)
    }
  }

  // MARK: The end of an authorisation

  @Test func anExpiredAuthorisationIsRefusedACapture() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      #expect(try await payments.get(id).captureBefore != nil)
      #expect(try await payments.hear(.expired, of: id) == ["applied"])
      let after = try await payments.get(id)
      #expect(after.status == .failed && after.failure?.code == "authorization_expired")
      #expect(after.failure?.kind == .retryable && after.amountCapturableMinor == 0)
      #expect(after.captureBefore == nil)
      #expect(
        await Payments.word { try await payments.capture(id, nil, key: "late") }
          == "PAYMENT_INTENT_STATE")
      #expect(payments.harness.happenings.count(.captureAsked) == 0)
      #expect(try await payments.events(id).last == "payment_intent.payment_failed")
      // Its operation is over: the payer may be asked again.
      payments.harness.router.behave(.capture)
      #expect(try await payments.confirm(id, key: "again").status == .succeeded)
      #expect(payments.harness.router.capturedMinor == 10_000)
    }
  }

  /// Its time is over and the gateway says nothing: it stays capturable, and people hear of it.
  @Test func silenceEndsNoAuthorisation() async throws {
    try await Payments.with { payments in
      let id = try await payments.held()
      try await TestDatabase.current.run(
        "update intents.payment_intent set capture_before = now() - interval '25 hours'")
      try await payments.harness.service.start()
      try await eventually { try await payments.alerts() == ["authorization_overdue"] }
      await payments.harness.service.shutdown()
      let after = try await payments.get(id)
      #expect(after.status == .requiresCapture && after.amountCapturableMinor == 10_000)
      #expect(try await payments.hear(.expired, of: id) == ["applied"])
      #expect(try await payments.alerts().isEmpty)
    }
  }

  // MARK: Direct debits

  /// A SEPA debit, from the bank's days to the payer's weeks.
  private static func debited(_ payments: Payments) async throws -> String {
    payments.harness.router.behave(.bankPending)
    payments.harness.vault.state.withLock { $0.type = .sepaDebit }
    let intent = try await payments.pay("debit")
    #expect(intent.status == .processing && intent.processingReason == .bankPending)
    return intent.id
  }

  /// Looks at what a bank works on are as far apart as it is old.
  @Test func aDebitStaysProcessingForDaysThenSucceeds() async throws {
    try await Payments.with { payments in
      let id = try await Self.debited(payments)
      try await TestDatabase.current.run(
        "update intents.payment_intent set updated_at = now() - interval '3 days'")
      try await payments.harness.service.start()
      await payments.harness.happenings.wait(for: .closeAsked)
      try await eventually { try await payments.get(id).nextCheckAt != nil }
      await payments.harness.service.shutdown()
      let seconds = try await payments.harness.database.query(
        "select extract(epoch from next_check_at - now())::float8 from payment_intent"
      ).single()[0, as: Double.self]
      #expect(seconds > 3_000 && seconds <= 3_600)
      #expect(try await payments.get(id).status == .processing)
      #expect(try await payments.hear(.captured, of: id, minor: 4_999) == ["applied"])
      #expect(try await payments.get(id).status == .succeeded)
    }
  }

  @Test func aReturnedDebitIsANewFact() async throws {
    try await Payments.with { payments in
      let id = try await Self.debited(payments)
      _ = try await payments.hear(.captured, of: id, minor: 4_999)
      let paid = try await payments.get(id)
      let reason: (inout GatewayV1.Fact) -> Void = {
        $0.movementID = "dp_77"
        $0.decline = GatewayV1.Decline(code: "returned", gatewayCode: "MD06")
      }
      #expect(try await payments.hear(.returned, of: id, minor: 4_999, reason) == ["applied"])
      let back = try await payments.get(id)
      #expect(back.status == .succeeded && back.version == paid.version + 1)
      #expect(back.amountReturnedMinor == 4_999 && back.amountCapturedMinor == 4_999)
      #expect(back.amountRefundableMinor == 0 && back.amountRefundedMinor == 0)
      #expect(
        await RefundTests.reason { try await RefundTests.refund(payments.client, id, 1, key: "r") }
          == "AMOUNT_TOO_LARGE")
      // Told again under another number: one movement is one return.
      #expect(try await payments.hear(.returned, of: id, minor: 4_999, reason) == ["applied"])
      #expect(try await payments.get(id) == back)
      #expect(
        try await payments.events(id).suffix(2)
          == ["payment_intent.succeeded", "payment_intent.returned"])
      let postings = try await payments.postings()
      #expect(postings.map(\.kind) == ["capture", "direct_debit_return"])
      #expect(postings.allSatisfy { $0.recordsFact && $0.entries.count == 2 })
      #expect(try await payments.alerts().isEmpty)
    }
  }

  /// An invoice is paid only while the money stays: billing hears of both.
  @Test func billingHearsOfTheReturnOfAnInvoicesDebit() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.bankPending)
      payments.harness.vault.state.withLock { $0.type = .sepaDebit }
      let id = try await payments.harness.withClient(as: "spiffe://tender/service/billing") {
        client in
        try await IntentsV1.PaymentIntents.Client(wrapping: client).createPaymentIntent(
          IntentsV1.CreatePaymentIntentRequest(
            amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
            paymentMethodID: IntentsHarness.method.description, confirm: true, offSession: true,
            origin: CommonV1.Origin(type: "invoice", id: "in_1")),
          metadata: OutgoingCall.metadata(merchant: IntentsHarness.merchant, key: "k")
        ).paymentIntent?.id ?? ""
      }
      _ = try await payments.hear(.captured, of: id, minor: 4_999)
      _ = try await payments.hear(.returned, of: id, minor: 4_999) { $0.movementID = "dp_79" }
      let news = try await payments.harness.database.query(
        "select payload from outbox where destination = 'billing' order by sequence"
      ).map { try BillingV1.PaymentEvent(decoding: $0[0, as: [UInt8].self], strict: false) }
      #expect(news.suffix(2).map(\.status) == [.succeeded, .succeeded])
      #expect(news.suffix(2).map(\.amountPaidMinor) == [4_999, 0])
      #expect(news.allSatisfy { $0.origin?.id == "in_1" && $0.paymentIntentID == id })
    }
  }

  /// A part of it back: what is left is refundable, and no more.
  @Test func aReturnTakesFromWhatIsRefundable() async throws {
    try await Payments.with { payments in
      let id = try await Self.debited(payments)
      _ = try await payments.hear(.captured, of: id, minor: 4_999)
      _ = try await payments.hear(.returned, of: id, minor: 2_000) { $0.movementID = "dp_78" }
      #expect(try await payments.get(id).amountRefundableMinor == 2_999)
      let asked: @Sendable (Int64, String) async -> String = { minor, key in
        await RefundTests.reason {
          try await RefundTests.refund(
            payments.client, id, minor, key: key, acceptsReturnRisk: true)
        }
      }
      #expect(await asked(3_000, "more") == "AMOUNT_TOO_LARGE")
      #expect(await asked(2_999, "rest") == "answered: \(IntentsV1.RefundStatus.succeeded)")
    }
  }

  @Test func aRefundOfAFreshDebitNeedsTheCallersWord() async throws {
    try await Payments.with { payments in
      let id = try await Self.debited(payments)
      _ = try await payments.hear(.captured, of: id, minor: 4_999)
      let refund: @Sendable (String, Bool) async -> String = { key, accepts in
        await RefundTests.reason {
          try await RefundTests.refund(
            payments.client, id, 1_000, key: key, acceptsReturnRisk: accepts)
        }
      }
      #expect(await refund("no", false) == "RETURN_RISK_NOT_ACCEPTED")
      #expect(await refund("no", false) == "RETURN_RISK_NOT_ACCEPTED")
      #expect(await refund("no", true) == "IDEMPOTENCY_KEY_REUSED")
      #expect(payments.harness.router.refunds.count == 0)
      let done = "answered: \(IntentsV1.RefundStatus.succeeded)"
      #expect(await refund("yes", true) == done)
      // Eight weeks later the payer needs a reason.
      try await TestDatabase.current.run(
        "update intents.capture set decided_at = now() - interval '56 days 1 second'")
      #expect(await refund("later", false) == done)
    }
  }

  /// A card needs nobody's word; while vault-token is away nothing is decided, and nothing stored.
  @Test func whatTheMethodIsIsAskedBeforeItDecides() async throws {
    try await Payments.with { payments in
      let paid = try await payments.pay("card")
      payments.harness.vault.state.withLock { $0.isAway = true }
      let refund: @Sendable () async -> String = {
        await RefundTests.reason {
          try await RefundTests.refund(payments.client, paid.id, 1_000, key: "k")
        }
      }
      #expect(await refund() == "UNAVAILABLE")
      #expect(payments.harness.router.refunds.count == 0)
      payments.harness.vault.state.withLock { $0.isAway = false }
      #expect(await refund() == "answered: \(IntentsV1.RefundStatus.succeeded)")
      let asked = payments.harness.vault.asked
      #expect(await refund() == "answered: \(IntentsV1.RefundStatus.succeeded)")
      #expect(payments.harness.vault.asked == asked, "a replay asks nobody")
    }
  }
}
