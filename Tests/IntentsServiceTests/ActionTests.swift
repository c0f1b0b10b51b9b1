import GRPCCore
import IntentsService
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

/// What a payer has to do, and what they bring back.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct ActionTests {
  private static let succeeded = "\(IntentsV1.PaymentIntentStatus.succeeded)"
  private static let asked = "\(IntentsV1.PaymentIntentStatus.requiresAction)"

  @Test func thePayerIsToldWhereToGoUntilItIsOver() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let intent = try await payments.payAsked("k")
      #expect(intent.status == .requiresAction && intent.gateway == "stripe")
      #expect(
        intent.nextAction == FakeRouter.action(returningTo: "https://shop.example/back"))
      #expect(try await payments.get(intent.id).nextAction == intent.nextAction)
      // A replayed answer shows what was then.
      #expect(try await payments.payAsked("k").nextAction == intent.nextAction)
      let done = try await payments.complete(intent.id, "X-ok", key: "back")
      #expect(done.status == .succeeded && done.nextAction == nil)
      #expect(try await payments.get(intent.id).nextAction == nil)
      let kept = "select count(*) from payment_intent where next_action is not null"
      #expect(try await payments.count(Statement(sql: kept)) == 0)
      #expect(
        try await payments.events(intent.id) == [
          "payment_intent.created", "payment_intent.requires_action", "payment_intent.succeeded",
        ])
      let told = try await payments.count(
        """
        select count(*) from outbox
        where destination = 'webhooks' and position('acs.example'::bytea in payload) > 0
        """)
      #expect(told == 0, "no event carries the address")
    }
  }

  /// Whoever presses twice, or comes back when it is over, changes nothing and hears what is.
  @Test func comingBackTwiceChangesNothing() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      let first = try await payments.complete(id, "X-ok", key: "a")
      #expect(try await payments.complete(id, "X-ok", key: "a") == first)
      let second = try await payments.complete(id, "X-other", key: "b")
      #expect(second == first)
      let reused = await Payments.word { try await payments.complete(id, "X-other", key: "a") }
      #expect(reused == "IDEMPOTENCY_KEY_REUSED")
      #expect(payments.harness.router.brought.values.map(\.count) == [1])
      #expect(payments.harness.router.captures == 1)
    }
  }

  @Test func aRefusedPayerMayTryAgain() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      let refused = try await payments.complete(id, "X-no", key: "a")
      #expect(refused.status == .failed && refused.failure?.kind == .retryable)
      #expect(refused.failure?.code == "authentication_failed" && refused.nextAction == nil)
      #expect(try await payments.complete(id, "X-ok", key: "late") == refused)
      #expect(try await payments.confirm(id, key: "again").status == .requiresAction)
    }
  }

  /// Handed over, and the gateway has not said: the payer has nothing to do meanwhile.
  @Test func anUnknownAnswerIsProcessing() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      let lost = try await payments.complete(id, "X-lost", key: "a")
      #expect(lost.status == .processing && lost.processingReason == .outcomeUnknown)
      #expect(lost.nextAction == nil)
      // It asked once more: what the payer brought led to a further step.
      #expect(
        try await payments.hear(.requiresAction, of: id) {
          $0.nextAction = FakeRouter.action(returningTo: "again").encode()
        } == ["applied"])
      let again = try await payments.get(id)
      #expect(again.status == .requiresAction)
      #expect(again.nextAction == FakeRouter.action(returningTo: "again"))
      #expect(await Payments.word { try await payments.complete(id, "X-ok", key: "b") } == Self.succeeded)
    }
  }

  @Test func whatIsMissingOrMalformedIsRefused() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      func word(_ result: String, _ key: String) async -> String {
        await Payments.word { try await payments.complete(id, result, key: key) }
      }
      #expect(await word("", "a") == "REDIRECT_RESULT_REQUIRED")
      #expect(await word("a b", "b") == "REDIRECT_RESULT_INVALID")
      #expect(await word("\u{e9}", "c") == "REDIRECT_RESULT_INVALID")
      #expect(await word(String(repeating: "x", count: 20_001), "d") == "FIELD_TOO_LONG")
      #expect(await word("X-made-up", "e") == Self.asked)
      let unknown = PaymentIntentID(bits: 7).description
      #expect(
        await Payments.word { try await payments.complete(unknown, "X", key: "f") }
          == "PAYMENT_INTENT_NOT_FOUND")
      #expect(await word("X-ok", "g") == Self.succeeded)
    }
  }

  @Test(arguments: [
    "http://shop.example/", "https://u:p@shop.example/", "https://shop.example/#f", "shop.example",
    "https://shop.example/a b", "javascript:alert(1)",
  ])
  func returnAddressesAreChecked(address: String) async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let word = await Payments.word { try await payments.payAsked("k", returnURL: address) }
      #expect(word == "RETURN_URL_INVALID")
      let made = try await payments.count("select count(*) from payment_intent")
      #expect(made == 0)
    }
  }

  /// gateway-router is away: nothing is kept for the key, and the same call goes on later.
  @Test func whoCannotBeAskedLeavesThePayerWhereTheyWere() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      payments.harness.router.behave(.unreachable)
      let complete: @Sendable () async -> String = {
        await Payments.word { try await payments.complete(id, "X-ok", key: "a") }
      }
      #expect(await complete() == "GATEWAY_ROUTER_UNAVAILABLE")
      let still = try await payments.get(id)
      #expect(still.status == .requiresAction && still.nextAction != nil)
      payments.harness.router.behave(.askPayer)
      #expect(await complete() == Self.succeeded)
    }
  }

  /// While a restore is closed, or has lost a payment of the intent, nothing is handed over, and no
  /// answer is kept for the key: what the payer brought is good for the same call later.
  @Test func aRestoreKeepsNoAnswerForAPayersReturn() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let asked = try await payments.payAsked("k")
      func word() async -> String {
        await Payments.word { try await payments.complete(asked.id, "X-ok", key: "back") }
      }
      try await payments.setGate(closed: true)
      #expect(await word() == "RESTORE_IN_PROGRESS")
      try await payments.setGate(closed: false)
      _ = try await payments.harness.database.query(
        """
        insert into restored_claim (key_proof, merchant_id, intent_id, operation_id, is_rebuilt, state,
          gateway, gateway_account, gateway_reference, actor, trace_id)
        values (sha256('lost'), \(IntentsHarness.merchant), \(PaymentIntentID(asked.id)),
          \(OperationID(bits: 9)), false, 2, 'stripe', 'main', 'pi_1', 'test', sha256('trace'))
        """)
      #expect(await word() == "RESTORED_PAYMENT_UNRESOLVED")
      #expect(payments.harness.router.brought.isEmpty)
      #expect(try await payments.get(asked.id).nextAction == asked.nextAction)
      _ = try await payments.harness.database.query("update restored_claim set state = 3")
      #expect(await word() == Self.succeeded)
    }
  }

  /// It is canceled while the payer is at their bank: they come back to what was canceled.
  @Test func whoComesBackToACanceledPaymentHearsSo() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      let canceled = try await payments.cancel(id, key: "cancel")
      #expect(canceled.nextAction == nil)
      let back = try await payments.complete(id, "X-ok", key: "back")
      #expect(back.status == canceled.status && back.version == canceled.version)
      #expect(payments.harness.router.brought.isEmpty && payments.harness.router.captures == 0)
    }
  }

  /// The schema itself ends it, whichever release writes the row.
  @Test func theSchemaEndsItWithTheState() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.askPayer)
      let id = try await payments.payAsked("k").id
      _ = try await payments.harness.database.query("update payment_intent set status = 7")
      let kept = "select count(*) from payment_intent where next_action is not null"
      #expect(try await payments.count(Statement(sql: kept)) == 0)
      #expect(try await payments.get(id).nextAction == nil)
    }
  }
}
