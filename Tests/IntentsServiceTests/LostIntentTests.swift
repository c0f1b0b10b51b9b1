import GRPCCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import IntentsService

/// What a restore has lost is not missing: no refusal that says so is kept for its key.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct LostIntentTests {
  @Test func nothingIsRefusedForGoodWhileItMayComeBack() async throws {
    try await Payments.with { payments in
      try await RestoreTests.merchant()
      let paid = try await payments.pay("k")
      var lost = try await RestoreTests.lose(payments, paid)
      let calls: [@Sendable (String) async throws -> IntentsV1.PaymentIntent] = [
        { try await payments.confirm($0, key: "confirm") },
        { try await payments.capture($0, nil, key: "capture") },
        { try await payments.cancel($0, key: "cancel") },
        { id in
          _ = try await RefundTests.refund(payments.client, id, nil, key: "refund")
          return IntentsV1.PaymentIntent(status: .succeeded)
        },
      ]
      func words() async -> [String] {
        var words: [String] = []
        for call in calls { words.append(await Payments.word { try await call(paid.id) }) }
        return words
      }
      // Before the gateway's list is read nobody knows of it.
      try await payments.setGate(closed: true)
      #expect(await words() == Array(repeating: "RESTORE_IN_PROGRESS", count: 4))
      // Listed, opened, not yet rebuilt.
      lost.claimOnly = true
      lost.claimState = .pending
      #expect(try await payments.restore(lost) == .restored)
      try await payments.setGate(closed: false)
      #expect(await words() == Array(repeating: "RESTORED_PAYMENT_UNRESOLVED", count: 4))
      #expect(try await payments.count("select count(*) from idempotency_key") == 0)
      // Rebuilt: the same keys hear of it as it is.
      lost.claimOnly = false
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.tell(RestoreTests.fact(lost)) == ["applied"])
      #expect(
        await words()
          == [
            "PAYMENT_INTENT_STATE", "PAYMENT_INTENT_STATE", "PAYMENT_INTENT_STATE", "succeeded",
          ])
      // What nobody has heard of is not found, as ever.
      let stranger = PaymentIntentID(bits: 99).description
      #expect(
        await Payments.word { try await payments.confirm(stranger, key: "s") }
          == "PAYMENT_INTENT_NOT_FOUND")
    }
  }

  /// A caller that repeats all it did makes its intent anew: the key of the lost confirm has paid for
  /// the other one, and another key would charge twice.
  @Test func aConfirmOfTheIntentMadeAnewIsToldWhatWasPaid() async throws {
    try await Payments.with { payments in
      try await RestoreTests.merchant()
      let made = try await payments.create(key: "create")
      #expect(try await payments.confirm(made.id, key: "confirm").status == .succeeded)
      let lost = try await RestoreTests.lose(payments, made)
      try await payments.setGate(closed: true)
      #expect(try await payments.restore(lost) == .restored)
      #expect(try await payments.tell(RestoreTests.fact(lost)) == ["applied"])
      try await payments.setGate(closed: false)
      let anew = try await payments.create(key: "create")
      #expect(anew.id != made.id)
      do {
        _ = try await payments.confirm(anew.id, key: "confirm")
        Issue.record("charged")
      } catch let error as RPCError {
        let details = try #require(StatusDetails(error))
        #expect(details.reason == "PAYMENT_BEFORE_RESTORE" && error.code == .failedPrecondition)
        #expect(details.metadata["payment_intent_id"] == made.id)
      }
      #expect(payments.harness.router.captures == 1)
    }
  }

  /// Two people have settled that its payer has paid: nobody is to try once more.
  @Test func whatWasPaidBeforeARestoreIsNeverTriedAgain() async throws {
    try await Payments.with { payments in
      payments.harness.router.behave(.unknown)
      let id = try await payments.pay("k").id
      #expect(
        try await payments.hear(.notExecuted, of: id) {
          $0.decline = GatewayV1.Decline(code: "paid_before_restore")
        } == ["applied"])
      let ended = try await payments.get(id)
      #expect(ended.status == .failed && ended.failure?.code == "paid_before_restore")
      #expect(
        await Payments.word { try await payments.confirm(id, key: "again") }
          == "PAYMENT_INTENT_STATE")
    }
  }
}
