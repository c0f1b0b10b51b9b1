import GatewayCore
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What stays unknown ends: the operation by age, its attempts by evidence only.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct GiveUpTests {
  static func age(_ harness: GatewayHarness, minutes: Int) async throws {
    try await harness.test.run(
      """
      update gateway.operation set created_at = created_at - interval '\(minutes) minutes',
        version = version + 1;
      update gateway.attempt set created_at = created_at - interval '\(minutes) minutes';
      """)
  }

  static func ageReversals(_ harness: GatewayHarness, hours: Int) async throws {
    try await harness.test.run(
      "update gateway.reversal set condemned_at = condemned_at - interval '\(hours) hours'")
  }

  /// A 500 without an effect, which Stripe repeats for ever: a day after it was given up a list that
  /// does not hold it is evidence, and only then the payment has failed.
  @Test func a500WithoutEffectEndsByTheGatewaysList() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "error_500")
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await Self.age(harness, minutes: 71 * 60)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .open)

      try await Self.age(harness, minutes: 61)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe condemned unknown"])
      try await Self.ageReversals(harness, hours: 23)
      try await harness.hurry()
      try await harness.second.recover()
      let early = try await harness.first.load(order)
      #expect(early.operation.state == .closed && !early.operation.isFinal)
      #expect(try await harness.alerts().isEmpty)

      try await Self.ageReversals(harness, hours: 1)
      try await harness.hurry()
      try await harness.second.recover()
      let final = try await harness.first.load(order)
      #expect(final.story == ["1 stripe condemned not_executed"])
      #expect(try await harness.first.execute(order).kinds == [.unknown, .notExecuted])
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// Whatever is still open is looked at once more: a suspect found then is the payment.
  @Test func theLastLookComesBeforeTheEnd() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "error_500_after")
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 10)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      try await Self.age(harness, minutes: 16)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
      #expect(try await harness.books() == ["stripe succeeded 4999"])
      #expect(try await harness.first.execute(order).kinds == [.unknown, .captured])
    }
  }

  /// The payer has acted and its notification was lost: the payment is taken, not canceled.
  @Test func aPayerWhoHasActedIsNotGivenUp() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        (method.stripe, method.adyen) = ("pm_card_authenticationRequired", nil)
      }
      let order = harness.order(capture: .manual)
      #expect(try await harness.first.execute(order).kinds == [.requiresAction])
      // As the gateway has it once the payer has passed the challenge.
      try await harness.gateways.createAtStripe(
        reference: GatewayReference.authorize(
          try await harness.first.load(order).operation.attempts[0].attempt.id
        ).text, confirmed: true)
      let passed = try await harness.gateways.payments().first { $0.status == "requires_capture" }
      let reference = try #require(passed?.id)
      try await harness.test.run("update gateway.attempt set reference = '\(reference)'")
      try await Self.age(harness, minutes: 16)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe winner authorized"])
    }
  }

  /// With the payer there it takes 15 minutes; what has an effect is found and given back.
  @Test func aSuspectOfAGivenUpOperationIsGivenBack() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "error_500_after")
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 10)
      let order = harness.order(capture: .manual)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await Self.age(harness, minutes: 14)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .open)
      try await Self.age(harness, minutes: 2)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).operation.state == .closed)
      try await harness.gateways.heal()
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.books() == ["stripe canceled 0"])
      #expect(try await harness.first.execute(order).kinds == [.unknown, .canceled])
    }
  }

  /// Adyen has no list: nothing proves a payment that left no trace, so people hear of it, and it is
  /// never called failed.
  @Test func whatNothingProvesIsForPeople() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      harness.vault.method.withLock { $0.stripe = nil }
      try await harness.gateways.inject("adyen", "timeout_before", on: [], count: 100)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      try await harness.gateways.heal()
      try await Self.age(harness, minutes: 16)
      try await harness.hurry()
      try await harness.first.recover()
      try await Self.ageReversals(harness, hours: 24)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.alerts() == ["reversal_unproven"])
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 adyen condemned unknown"] && !record.operation.isFinal)
    }
  }

  /// What the bank works on is not given up: a debit takes days.
  @Test func whatTheBankWorksOnIsNotGivenUp() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        method.type = .sepaDebit
        (method.stripe, method.adyen) = ("pm_successDelayed_de", nil)
      }
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.pending])
      try await Self.age(harness, minutes: 80 * 60)
      try await harness.test.run("update gateway.attempt set look_at = now()")
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe open pending"])
    }
  }

  /// A payer who never comes back is waited for as long: then the payment is canceled there.
  @Test func aPayerWhoNeverActsIsGivenUp() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        (method.stripe, method.adyen) = ("pm_card_authenticationRequired", nil)
      }
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.requiresAction])
      let waits: Bool = try await harness.value(
        "select look_at - created_at between interval '299 s' and interval '301 s' from attempt")
      #expect(waits)
      try await Self.age(harness, minutes: 14)
      try await harness.hurry()
      try await harness.first.recover()
      let isLast: Bool = try await harness.value(
        """
        select a.look_at - o.created_at between interval '899 s' and interval '901 s'
        from attempt a join operation o on o.id = a.operation_id
        """)
      #expect(isLast)
      try await Self.age(harness, minutes: 2)
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.books() == ["stripe canceled 0"])
      #expect(
        try await harness.first.execute(order).kinds == [.requiresAction, .unknown, .canceled])
    }
  }
}
