import GatewayCore
import Money
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// The payer authenticates (3DS) and comes back: at their gateway, once, and never at another one.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ActionFlowTests {
  /// An operation at Adyen whose payer has answered the bank; captured by nobody.
  static func answered(
    _ harness: GatewayHarness, approve: Bool = true
  ) async throws -> (order: OperationRecord, result: String) {
    harness.payerMustAct(at: .adyen)
    let order = harness.order(capture: .manual)
    let facts = try await harness.first.execute(order)
    #expect(facts.kinds == [.requiresAction])
    let back = try await harness.answer(try harness.asked(facts), approve: approve)
    let result = try #require(GatewayHarness.parameter("redirectResult", of: back))
    return (order, result)
  }

  /// Under how many keys something was handed over.
  static func handedOver(_ harness: GatewayHarness) async throws -> Int {
    try await Set(harness.gateways.requests("details").map(\.idempotencyKey)).count
  }

  /// What comes before the first byte, and nothing else.
  static func commit(_ harness: GatewayHarness, _ order: OperationRecord) async throws {
    let id = try await harness.first.load(order).operation.attempts[0].attempt.id
    try await onLoop(harness.first.loop) {
      _ = try await harness.first.flow.move(order.id, of: order.intent, .init()) { _, step in
        step == 0 ? .submitAction(id) : nil
      }
    }
  }

  @Test func adyenIsHandedWhatThePayerBroughtOnce() async throws {
    try await GatewayHarness.with { harness in
      harness.payerMustAct(at: .adyen)
      var order = harness.order()
      order.returnURL = "https://shop.example/back?order=7"
      let facts = try await harness.first.execute(order)
      let action = try harness.asked(facts)
      #expect(action.resultParameter == "redirectResult" && action.method == .get)
      let back = try await harness.answer(action)
      #expect(back.hasPrefix("https://shop.example/back?order=7&redirectResult="))
      // Nothing is authorised before it is handed over, and nothing without it.
      #expect(try await harness.books() == ["adyen requires_action 0"])
      #expect(try await harness.second.complete(order).kinds == [.requiresAction])
      let result = try #require(GatewayHarness.parameter("redirectResult", of: back))
      let done = try await harness.second.complete(order, result)
      #expect(done.kinds == [.requiresAction, .unknown, .authorized])
      #expect(done.allSatisfy { $0.nextAction.isEmpty })
      #expect(try await harness.first.load(order).story == ["1 adyen winner authorized"])
      let sent = try await harness.gateways.requests("details")
      #expect(sent.count == 1 && sent[0].idempotencyKey?.hasPrefix("td") == true)
      // The payer reloads the page: nothing happens.
      #expect(try await harness.first.complete(order, result).kinds == done.kinds)
      #expect(try await Self.handedOver(harness) == 1)
    }
  }

  @Test func stripeIsOnlyAsked() async throws {
    try await GatewayHarness.with { harness in
      harness.payerMustAct(at: .stripe)
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      let action = try harness.asked(facts)
      #expect(action.resultParameter.isEmpty)
      // Not yet: the payer is still at the bank.
      let early = try await harness.first.complete(order)
      #expect(early.kinds == [.requiresAction])
      #expect(try harness.asked(early).redirectURL == action.redirectURL)
      let back = try await harness.answer(action)
      #expect(back.hasPrefix("https://shop.example/return?payment_intent=pi_"))
      let secret = GatewayHarness.parameter("payment_intent_client_secret", of: back)
      #expect(secret?.contains("_secret_") == true)
      let done = try await harness.second.complete(order)
      #expect(done.kinds == [.requiresAction, .captured])
      #expect(try await harness.books() == ["stripe succeeded 4999"])
      #expect(try await harness.first.complete(order).kinds == done.kinds)
    }
  }

  /// A refusal ends the payment there: the other gateway, which holds the card as well, is not asked.
  @Test(arguments: [GatewayName.stripe, .adyen])
  func aRefusalGoesNowhereElse(gateway: GatewayName) async throws {
    let priority = gateway == .stripe ? "stripe,adyen" : "adyen,stripe"
    try await GatewayHarness.with(priority: priority) { harness in
      harness.vault.method.withLock { method in
        method.stripe = "pm_card_authenticationRequired"
        method.adyen = "stored_authentication_required"
      }
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      let back = try await harness.answer(try harness.asked(facts), approve: false)
      let done = try await harness.first.complete(
        order, GatewayHarness.parameter("redirectResult", of: back))
      #expect(done.kinds.last == .declined)
      #expect(done.last?.decline?.code == "authentication_failed")
      #expect(done.last?.decline?.`class` == .stepUp)
      #expect(try await harness.gateways.payments().map(\.gateway) == [gateway.rawValue])
      #expect(try await harness.first.load(order).operation.state == .closed)
    }
  }

  /// The answer is lost: the call that has the result says it once more, under the same key.
  @Test(arguments: ["close_after", "error_500"])
  func aLostAnswerIsHeardOnceMore(fault: String) async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      try await harness.gateways.inject("adyen", fault, on: ["details"])
      #expect(try await harness.first.complete(order, result).kinds.last == .authorized)
      #expect(try await Self.handedOver(harness) == 1)
    }
  }

  /// Twice lost: nobody asks for it again; the notification tells.
  @Test func aLostAnswerIsNotAskedForAgain() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      try await harness.gateways.inject("adyen", "close_after", on: ["details"], count: 2)
      #expect(
        try await harness.first.complete(order, result).kinds == [.requiresAction, .unknown])
      #expect(try await harness.first.load(order).story == ["1 adyen open action_submitted"])
      try await harness.hurry()
      try await harness.second.recover()
      #expect(
        try await harness.second.complete(order, result).kinds == [.requiresAction, .unknown])
      #expect(try await Self.handedOver(harness) == 1)
      try await harness.tell("AUTHORISATION", about: order, to: harness.second)
      #expect(try await harness.first.load(order).story == ["1 adyen winner authorized"])
      #expect(try await harness.books() == ["adyen requires_capture 0"])
    }
  }

  /// The process dies between the commit and the first byte: nobody who finds it sends anything, and
  /// the payment ends as one whose payer never came back.
  @Test func whatWasCommittedAndNotSentIsNeverSent() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      try await Self.commit(harness, order)
      #expect(
        try await harness.second.complete(order, result).kinds == [.requiresAction, .unknown])
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await Self.handedOver(harness) == 0)
      try await GiveUpTests.age(harness, minutes: 16)
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await harness.first.load(order).operation.state == .open, "it may just be handed over")
      try await GiveUpTests.age(harness, minutes: 10)
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await harness.first.load(order).operation.state == .closed)
      #expect(try await harness.second.complete(order, result).kinds == [.requiresAction, .unknown])
      #expect(try await Self.handedOver(harness) == 0)
    }
  }

  /// While replicas are replaced, the release before reads and writes the row: a payer who is still
  /// asked, and no column of this release.
  @Test func theReleaseBeforeMayGoOnWithIt() async throws {
    try await GatewayHarness.with { harness in
      let (order, _) = try await Self.answered(harness)
      try await Self.commit(harness, order)
      let evidence: String = try await harness.value("select evidence from attempt")
      #expect(evidence == "requires_action")
      #expect(try await harness.first.load(order).story == ["1 adyen open action_submitted"])
      for word in ["unknown", "requires_action"] {
        let _: String = try await harness.value(
          "update attempt set evidence = '\(word)' returning evidence")
        #expect(try await harness.first.load(order).story == ["1 adyen open \(word)"])
      }
      let kept: Int64 = try await harness.value(
        "select count(*) from attempt where action is not null or action_submitted")
      #expect(kept == 0)
    }
  }

  /// Proven not executed: the payer is where they were, and what they brought goes out under the next
  /// number.
  @Test func whatWasNotExecutedMayBeHandedOverAgain() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      let url = try harness.asked(try await harness.first.execute(order)).redirectURL
      try await harness.gateways.inject("adyen", "unavailable", on: ["details"])
      let refused = try await harness.first.complete(order, result)
      #expect(refused.kinds == [.requiresAction, .unknown, .requiresAction])
      #expect(try harness.asked(refused).redirectURL == url)
      #expect(try await harness.first.complete(order, result).kinds.last == .authorized)
      let attempt = try await harness.first.load(order).operation.attempts[0].attempt
      #expect(attempt.actionTries == 2)
      let keys = try await harness.gateways.requests("details").map(\.idempotencyKey)
      #expect(keys == (1...2).map { GatewayReference.details(attempt.id, try: $0).text })
    }
  }

  /// What the gateway does not know is refused and changes nothing; the right one still goes through.
  @Test func aResultThatIsNoneChangesNothing() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      let refused = try await harness.first.complete(order, "X-made-up")
      #expect(refused.kinds == [.requiresAction, .unknown, .requiresAction])
      #expect(try await harness.books() == ["adyen requires_action 0"])
      #expect(try await harness.first.complete(order, result).kinds.last == .authorized)
    }
  }

  /// Another payment's result: the answer bears another reference. People hear of it, and this payment
  /// goes on with its own; the other one wins by its notification.
  @Test func anotherPaymentsResultConflicts() async throws {
    try await GatewayHarness.with { harness in
      let (_, result) = try await Self.answered(harness)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.requiresAction])
      let kinds = try await harness.first.complete(order, result).kinds
      #expect(kinds == [.requiresAction, .unknown, .requiresAction])
      #expect(try await harness.alerts() == ["payer_result_conflicts"])
      #expect(try await harness.first.load(order).story == ["1 adyen open requires_action"])
      let asked = try harness.asked(try await harness.first.execute(order))
      let own = GatewayHarness.parameter("redirectResult", of: try await harness.answer(asked))
      #expect(try await harness.first.complete(order, own).kinds.last == .authorized)
      #expect(try await harness.alerts().isEmpty)
    }
  }

  @Test func twoReplicasHandItOverOnce() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      async let one = harness.first.complete(order, result)
      async let two = harness.second.complete(order, result)
      let kinds = try await [one.kinds, two.kinds]
      #expect(kinds.contains { $0.last == .authorized })
      #expect(try await Self.handedOver(harness) == 1)
      #expect(try await harness.first.load(order).story == ["1 adyen winner authorized"])
    }
  }

  /// A payer who comes back after the payment was given up finds it canceled there.
  @Test(arguments: [GatewayName.stripe, .adyen])
  func afterGivingUpNothingIsHandedOver(gateway: GatewayName) async throws {
    try await GatewayHarness.with { harness in
      harness.payerMustAct(at: gateway)
      let order = harness.order()
      let action = try harness.asked(try await harness.first.execute(order))
      // Approved, and not handed over in time: at Stripe that is a payment, at Adyen nothing yet.
      let back = gateway == .adyen ? try await harness.answer(action) : ""
      try await GiveUpTests.age(harness, minutes: 16)
      let result = GatewayHarness.parameter("redirectResult", of: back)
      // Too late, also before anybody has given it up.
      let late = try await harness.first.complete(order, result)
      try #require(late.kinds == [.requiresAction])
      if gateway == .adyen {
        try await harness.work { try await !harness.gateways.requests("cancel").isEmpty }
        try await harness.tell("CANCELLATION", success: false, about: order, to: harness.second)
      }
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      let kinds: [GatewayV1.FactKind] = [.requiresAction, .unknown, .canceled]
      #expect(try await harness.first.complete(order, result).kinds == kinds)
      #expect(try await Self.handedOver(harness) == 0)
      let left = gateway == .adyen ? "requires_action" : "canceled"
      #expect(try await harness.books() == ["\(gateway) \(left) 0"])
      let kept: Int64 = try await harness.value(
        "select count(*) from attempt where action is not null")
      #expect(kept == 0)
    }
  }

  /// Addresses are in the answer, the relay's copy and the attempt while it waits; nowhere else.
  @Test func addressesAreForgotten() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      let attempt = try await harness.first.load(order)
      let address = try #require(attempt.operation.attempts[0].attempt.action?.redirectURL)
      func count(_ table: String, _ column: String) async throws -> Int64 {
        try await harness.value(
          "select count(*) from \(table) where position('\(address)'::bytea in \(column)) > 0")
      }
      #expect(try await count("fact", "payload") == 0)
      #expect(try await count("outbox", "payload") == 1)
      #expect(try await count("attempt", "action") == 1)
      #expect(!attempt.attempts.values.contains { $0.evidenceDetail.contains("http://") })
      #expect(try await harness.first.complete(order, result).kinds.last == .authorized)
      #expect(try await count("attempt", "action") == 0)
    }
  }

  /// The payer was at their bank when the database was put back: what they have brought since then
  /// nobody here remembers. Once it is open the gateway is looked at, nothing is handed over, and the
  /// payment ends by what its gateway says of the cancel.
  @Test func whatARestoreHasPutBackIsNotHandedOver() async throws {
    try await GatewayHarness.with { harness in
      let (order, result) = try await Self.answered(harness)
      let id = try await harness.begin().id
      let complete = { try await harness.first.complete(order, result) }
      #expect(await harness.reason(complete) == "RESTORE_IN_PROGRESS")
      try await harness.read()
      try await harness.openByAll(id)
      try #require(try await complete().kinds == [.requiresAction])
      #expect(try await Self.handedOver(harness) == 0)
      try await GiveUpTests.age(harness, minutes: 16)
      try await harness.work { try await !harness.gateways.requests("cancel").isEmpty }
      // Whether it was handed over since the restore's point nobody here knows.
      try await harness.tell("CANCELLATION", success: false, about: order, to: harness.second)
      #expect(try await !harness.first.load(order).operation.isFinal)
      // Another one begins after it, and goes on as ever.
      harness.payerMustAct(at: .adyen)
      let later = harness.order(capture: .manual)
      let back = try await harness.answer(try harness.asked(try await harness.first.execute(later)))
      let brought = try #require(GatewayHarness.parameter("redirectResult", of: back))
      #expect(try await harness.first.complete(later, brought).kinds.last == .authorized)
    }
  }

  /// A restore has lost another payment of the intent: unresolved it refuses the call, and where people
  /// have seen that it keeps its money nothing is handed over.
  @Test func nothingIsHandedOverBesideALostPayment() async throws {
    try await GatewayHarness.with { harness in
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      let (order, result) = try await Self.answered(harness)
      try await harness.findLost(of: order.intent)
      let complete = { try await harness.first.complete(order, result) }
      #expect(await harness.reason(complete) == "RESTORED_PAYMENT_UNRESOLVED")
      try await harness.settleLost(.stands)
      #expect(try await complete().kinds == [.requiresAction])
      #expect(try await Self.handedOver(harness) == 0)
    }
  }

  /// One call to intents takes what its limit allows, whatever addresses the facts carry.
  @Test func factsWithLongAddressesGoInParts() {
    let sizes = [100_000, 90_000, 20_000, 20_000, 190_000, 5, 250_000]
    let parts = FactRelay.parts(sizes) { $0 }
    #expect(parts == [[100_000, 90_000], [20_000, 20_000], [190_000, 5], [250_000]])
    #expect(FactRelay.parts([Int]()) { $0 }.isEmpty)
  }
}
