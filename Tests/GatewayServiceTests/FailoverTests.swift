import GatewayCore
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// An unknown outcome at the first gateway, within one call (DESIGN section 9).
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct FailoverTests {
  @Test func aSoleAttemptIsProbedUnderItsKeyFirst() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "close_after")
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.unknown, .authorized, .captured])
      #expect(try await harness.books() == ["stripe succeeded 4999"])
    }
  }

  /// Found authorised by the look: it is the winner, whatever the policy allows.
  @Test func whatTheLookFindsAuthorizedWins() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "error_500_after")
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.unknown, .authorized, .captured])
      #expect(try await harness.books() == ["stripe succeeded 4999"])
    }
  }

  /// The gateway has the payment and has not decided it: the cancel that answers `canceled` fences,
  /// and the next gateway follows cleanly, also where nobody is there to speculate for.
  @Test func aFencedPaymentIsFollowedCleanly() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_undecided")
      let order = harness.order(offSession: true)
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds.prefix(2) == [.unknown, .authorized] && facts.last?.gateway == "adyen")
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 stripe condemned canceled", "2 adyen winner authorized"])
      let jobs: Int64 = try await harness.value("select count(*) from reversal")
      #expect(jobs == 0)
      #expect(try await harness.gateways.payments().first?.status == "canceled")
    }
  }

  /// A fence without an answer fences nothing.
  @Test func anUnansweredFenceDoesNotLeadOnWithoutAPolicy() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_undecided")
      try await harness.gateways.inject("stripe", "error_500", on: ["cancel"])
      let order = harness.order(offSession: true)
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.unknown])
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 stripe open unknown"])
    }
  }

  /// Unfenced: a second authorisation beside the first, and one transaction that makes it the winner
  /// and condemns the first with its reversal.
  @Test func anUnfencedPaymentIsAuthorizedElsewhereAndReversed() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_after", on: ["authorize"])
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 1)
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds.prefix(2) == [.unknown, .authorized] && facts.last?.gateway == "adyen")
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 stripe condemned unknown", "2 adyen winner authorized"])
      let due: Bool = try await harness.value(
        "select next_try_at > now() + interval '5 seconds' from reversal")
      #expect(due)
      try await harness.work {
        try await harness.gateways.payments().contains { $0.status == "canceled" }
      }
      #expect(try await harness.first.load(order).story.first == "1 stripe condemned canceled")
      let finished: Bool = try await harness.value("select finished_at is not null from reversal")
      #expect(finished)
    }
  }

  @Test func withoutThePayerNothingIsAuthorizedTwice() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("stripe")
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.gateways.payments().isEmpty)
    }
  }

  @Test func aMerchantsPolicyDecides() async throws {
    try await GatewayHarness.with { harness in
      try await harness.test.run(
        """
        insert into gateway.merchant_policy (merchant_id, version, speculates_with_payer,
          speculates_off_session, actor, trace_id) values
          ('01930000-0000-0000-0000-000000000002', 1, true, true, 'test', ''),
          ('01930000-0000-0000-0000-000000000002', 2, false, true, 'test', '');
        """)
      try await harness.gateways.blackHole("stripe")
      let present = harness.order()
      let absent = harness.order(offSession: true)
      async let one = harness.first.execute(present)
      async let other = harness.first.execute(absent)
      #expect(try await one.kinds == [.unknown])
      #expect(try await other.kinds.prefix(2) == [.unknown, .authorized])
    }
  }

  /// Adyen first: its cancel answers `received` and fences nothing, so none is sent; it is condemned
  /// when the other one wins, and cancelled by our reference.
  @Test func adyenIsNeverFencedOnlyCondemned() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      try await harness.gateways.inject("adyen", "timeout_after", on: ["authorize"], count: 2)
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.unknown, .authorized, .captured])
      #expect(
        try await harness.first.load(order).story
          == ["1 adyen condemned unknown", "2 stripe winner captured"])
      #expect(try await harness.books() == ["adyen requires_capture 0", "stripe succeeded 4999"])
      try await harness.work {
        try await harness.books() == ["adyen canceled 0", "stripe succeeded 4999"]
      }
    }
  }

  /// No winner: a suspect that turns out authorised is offered as winner, not voided.
  @Test func aSuspectFoundAuthorizedWinsWhileNothingElseDid() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.adyen = "stored_not_enough_balance" }
      try await harness.gateways.inject("stripe", "timeout_after", on: ["authorize"])
      try await harness.gateways.inject("stripe", "error_500", on: ["list"])
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(
        try await harness.first.load(order).story == ["1 stripe open unknown", "2 adyen open declined"])
      try await harness.work { try await harness.books().contains("stripe succeeded 4999") }
      #expect(
        try await harness.first.load(order).story
          == ["1 stripe winner captured", "2 adyen condemned declined"])
    }
  }

  /// The payer could confirm a declined object again: it is cancelled before the next gateway is
  /// asked (interleavings 14).
  @Test func aDeclinedObjectIsCancelledBeforeTheNextGateway() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.stripe = "pm_card_chargeDeclinedProcessingError" }
      let order = harness.order()
      let facts = try await harness.first.execute(order)
      #expect(facts.first?.kind == .authorized && facts.first?.gateway == "adyen")
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 stripe condemned declined", "2 adyen winner authorized"])
      let payments = try await harness.gateways.payments()
      #expect(payments.first { $0.gateway == "stripe" }?.status == "canceled")
      let jobs: Int64 = try await harness.value("select count(*) from reversal")
      #expect(jobs == 0)
    }
  }
}
