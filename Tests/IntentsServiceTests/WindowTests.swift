import GRPCCore
import IntentsService
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

/// The windows in which a naive payment fails, by their numbers in the design's notes
/// (docs/failure-windows.md). What other suites show is not shown here again.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct WindowTests {
  /// As a killed process leaves it: T1 committed, nobody at work, the lease over.
  private static func abandon() async throws {
    try await TestDatabase.current.run(
      """
      update intents.idempotency_key set state = 0, code = null, completed_at = null,
        expires_at = null, response = null, lease_until = now() - interval '1 second';
      """)
  }

  private static func ended(_ payments: Payments) async throws {
    try await eventually {
      try await payments.count("select count(*) from idempotency_key where state = 0") == 0
    }
  }

  /// W3: no answer is not a failure. The stored answer says processing; Get shows what came of it.
  @Test func window3AnUnknownOutcomeIsNeverAFailure() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.unknown)
      let first = try await payments.pay("k")
      #expect(first.status == .processing && first.processingReason == .outcomeUnknown)
      #expect(try await payments.hear(.captured, of: first.id, minor: 4_999) == ["applied"])
      #expect(try await payments.get(first.id).status == .succeeded)
      // The key's answer stays what it was: a retry is told the same, and to look.
      #expect(try await payments.pay("k") == first)
      #expect(payments.harness.happenings.count(.routerAsked) == 1)
    }
  }

  /// W4, interleaving 9: a claim whose holder died before anything was sent charges nobody, however
  /// late it is found; its answer says so, and the payer may be asked again.
  @Test func window4AnAbandonedClaimChargesNobody() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.unreachable)
      let made = try await payments.pay("k")
      #expect(made.status == .processing)
      try await Self.abandon()
      payments.harness.router.behave(.capture)
      try await payments.harness.service.start()
      try await Self.ended(payments)
      await payments.harness.service.shutdown()
      let after = try await payments.pay("k")
      #expect(after.id == made.id && after.status == .failed)
      #expect(after.failure?.code == "abandoned_before_send" && after.failure?.kind == .retryable)
      #expect(payments.harness.router.captures == 0)
      #expect(try await payments.postings().isEmpty)
      #expect(try await payments.confirm(made.id, key: "again").status == .succeeded)
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// W2 at intents: the money moved and the process died before T4. Whoever ends the claim asks
  /// what became of it, and charges nothing.
  @Test func window2AChargeWhoseAnswerWasLostIsFoundAgain() async throws {
    try await Payments.with { payments in
      let made = try await payments.pay("k")
      #expect(made.status == .succeeded)
      try await TestDatabase.current.run(
        """
        update intents.payment_intent set status = 3, processing_reason = 2, version = 1;
        update intents.operation set is_open = true, applied_sequence = 0;
        delete from intents.payment_intent_change where version > 1;
        delete from intents.capture;
        """)
      try await Self.abandon()
      try await payments.harness.service.start()
      try await Self.ended(payments)
      await payments.harness.service.shutdown()
      let after = try await payments.pay("k")
      #expect(after.id == made.id && after.status == .succeeded)
      #expect(after.amountCapturedMinor == 4_999)
      #expect(payments.harness.router.captures == 1)
      #expect(payments.harness.happenings.count(.routerAsked) == 1)
    }
  }

  /// W7: a key is forgotten a day after its answer; one without an answer never is. Whatever the
  /// key, the intent refuses a second success.
  @Test func window7AForgottenKeyPaysNothingTwice() async throws {
    try await Payments.with { payments in
      let created = try await payments.pay("k")
      let expire = """
        update intents.idempotency_key set expires_at = now() - interval '1 second' where state = 1
        """
      try await TestDatabase.current.run(expire)
      #expect(
        await Payments.word { try await payments.confirm(created.id, key: "k") }
          == "PAYMENT_INTENT_STATE")
      #expect(payments.harness.router.captures == 1)
      // Under way: the claim has no end to expire by.
      payments.harness.router.behave(.unknown)
      let open = try await payments.pay("open")
      try await Self.abandon()
      try await TestDatabase.current.run(expire)
      #expect(try await payments.pay("open").id == open.id)
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// W8: state, history, event, ledger command and stored answer are one transaction.
  @Test func window8StateEventLedgerAndAnswerCommitTogether() async throws {
    try await Payments.with { payments in
      let made = try await payments.pay("k")
      #expect(made.status == .succeeded)
      let row = try await payments.harness.database.query(
        """
        select i.xmin::text,
          (select c.xmin::text from payment_intent_change c
            where c.intent_id = i.id and c.version = i.version),
          (select c.xmin::text from capture c where c.intent_id = i.id),
          (select o.xmin::text from operation o where o.intent_id = i.id),
          (select k.xmin::text from idempotency_key k),
          (select count(distinct o.xmin::text) from outbox o
            where o.destination = 'ledger' or o.sequence > 1),
          (select max(o.xmin::text) from outbox o where o.destination = 'ledger'),
          (select max(o.xmin::text) from outbox o where o.destination = 'webhooks'
            and o.sequence > (select min(sequence) from outbox))
        from payment_intent i
        """
      ).single()
      let texts = try [0, 1, 2, 3, 4, 6, 7].map { try row[$0, as: String.self] }
      #expect(Set(texts).count == 1, "\(texts)")
      #expect(try row[5, as: Int64.self] == 1)
    }
  }

  /// W9: a key belongs to its merchant.
  @Test func window9AKeyOfAnotherMerchantIsAnother() async throws {
    try await Payments.with { payments in
      let ours = try await payments.pay("k")
      let stranger = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0004)
      let theirs = try await payments.harness.withClient(
        as: "spiffe://tender/merchant/\(stranger)/test"
      ) { try await IntentsHarness.pay($0, key: "k") }
      #expect(!theirs.isReplayed && theirs.intent.id != ours.id)
      #expect(theirs.intent.merchantID == stranger.description)
      #expect(payments.harness.router.captures == 2)
    }
  }

  /// W10: what fails before anything was executed leaves no answer: the same key runs when it can.
  @Test func window10AnOutageLeavesNoAnswer() async throws {
    try await Payments.with { payments in
      let test = try TestDatabase.current
      try await test.run("revoke insert on intents.payment_intent from intents_service")
      let failed = await Payments.word { try await payments.pay("k") }
      #expect(["INTERNAL", "UNAVAILABLE"].contains(failed), "\(failed)")
      #expect(try await payments.count("select count(*) from idempotency_key") == 0)
      try await test.run("grant insert on intents.payment_intent to intents_service")
      #expect(try await payments.pay("k").status == .succeeded)
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// W11: a claim is a write. Where only reading is possible it fails, and never looks free.
  @Test func window11AReadOnlyDatabaseClaimsNothing() async throws {
    try await Payments.with { payments in
      let paid = try await payments.pay("k")
      let database = payments.harness.database
      let refused = await #expect(throws: PostgresError.self) {
        _ = try await database.transaction { transaction in
          _ = try await transaction.query("select set_config('transaction_read_only', 'on', true)")
          _ = try await transaction.query(
            """
            insert into idempotency_key (merchant_id, method, key, fingerprint,
              fingerprint_version, state, fence, lease_until, actor, trace_id)
            values (\(IntentsHarness.merchant), 'x', 'k', ''::bytea, 1, 0, 1, now(), 'x', ''::bytea)
            on conflict (merchant_id, method, key) do update set fence = 2 returning fence
            """)
        }
      }
      #expect("\(String(describing: refused))".contains("25006"))
      #expect(try await payments.pay("k") == paid)
    }
  }

  /// W13, interleaving 20: a restore has lost an intent that gateway-router knows. Its facts are
  /// not swallowed: they are answered as unknown, for their sender to keep.
  @Test func window13FactsOfALostIntentAreNotSwallowed() async throws {
    try await Payments.with { payments in
      let fact = GatewayV1.Fact(
        operationID: OperationID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0f06).description,
        intentID: PaymentIntentID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0d06).description,
        kind: .captured, amount: CommonV1.Money(currency: "EUR", amountMinor: 100))
      let told = payments.harness.router.later(fact)
      let results = try await payments.tell(told)
      #expect(results == ["unknown_operation"])
      #expect(try await payments.count("select count(*) from outbox") == 0)
    }
  }

  /// Interleaving 12: what says where it comes from is paid once, whatever the key.
  @Test func interleaving12AnOriginIsPaidOnce() async throws {
    try await Payments.with { payments in
      let order: @Sendable (String) async -> String = { key in
        await Payments.word {
          try await payments.harness.withClient(as: "spiffe://tender/service/billing") { client in
            let answer = try await IntentsV1.PaymentIntents.Client(wrapping: client)
              .createPaymentIntent(
                IntentsV1.CreatePaymentIntentRequest(
                  amount: CommonV1.Money(currency: "EUR", amountMinor: 100),
                  paymentMethodID: IntentsHarness.method.description, confirm: true,
                  origin: CommonV1.Origin(type: "invoice", id: "in_1")),
                metadata: OutgoingCall.metadata(merchant: IntentsHarness.merchant, key: key))
            guard let intent = answer.paymentIntent else { throw TestSetupError("empty") }
            return intent
          }
        }
      }
      #expect(await order("monday") == "\(IntentsV1.PaymentIntentStatus.succeeded)")
      try await TestDatabase.current.run("delete from intents.idempotency_key")
      #expect(await order("monday") == "ORIGIN_ALREADY_USED")
      #expect(await order("tuesday") == "ORIGIN_ALREADY_USED")
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// A worker has no caller whose deadline would end its calls: each has one of its own.
  @Test func everyCallToTheRouterHasAnEnd() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.unknown)
      let open = try await payments.pay("open")
      try await Self.abandon()
      try await TestDatabase.current.run(
        "update intents.payment_intent set updated_at = now() - interval '1 minute'")
      try await payments.harness.service.start()
      // Once for the claim, once for the intent that stays as it is.
      await payments.harness.happenings.wait(for: .closeAsked, 2)
      await payments.harness.service.shutdown()
      #expect(payments.harness.router.callsWithoutDeadline == 0)
      #expect(try await payments.get(open.id).status == .processing)
    }
  }

  /// What a process with a clock two hours ahead has written is not left alone for two hours.
  @Test func aTimeThatLiesAheadIsNotWaitedFor() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.unknown)
      let open = try await payments.pay("open")
      try await TestDatabase.current.run(
        """
        update intents.payment_intent set updated_at = now() + interval '2 hours';
        update intents.operation set created_at = now() - interval '1 minute'
        """)
      try await payments.harness.service.start()
      await payments.harness.happenings.wait(for: .closeAsked, 1)
      await payments.harness.service.shutdown()
      #expect(try await payments.get(open.id).status == .processing)
    }
  }
}
