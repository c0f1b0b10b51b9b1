import GatewayCore
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Orders of events that lose or double money elsewhere, by their numbers in the design's notes.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct InterleavingTests {
  /// Another gateway wins beside an unknown first one that did act.
  private static func overtaken(_ harness: GatewayHarness) async throws -> OperationRecord {
    try await harness.gateways.inject("stripe", "timeout_after", on: ["authorize"])
    try await harness.gateways.inject("stripe", "error_500", on: ["list"])
    let order = harness.order()
    _ = try await harness.first.execute(order)
    return order
  }

  /// The first is unknown, the second declined: the operation stays open for the first.
  private static func undecided(
    _ harness: GatewayHarness, firstActs: Bool
  ) async throws -> OperationRecord {
    harness.vault.method.withLock { $0.adyen = "stored_not_enough_balance" }
    try await harness.gateways.inject(
      "stripe", firstActs ? "timeout_after" : "timeout_before", on: ["authorize"])
    try await harness.gateways.inject("stripe", "error_500", on: ["list"])
    let order = harness.order()
    #expect(try await harness.first.execute(order).kinds == [.unknown])
    try await harness.test.run(
      "update gateway.attempt set created_at = created_at - interval '10 seconds'")
    return order
  }

  /// 1: the winner, its fact, and the loser's condemnation and reversal are one transaction.
  @Test func interleaving1WinnerAndReversalCommitTogether() async throws {
    try await GatewayHarness.with { harness in
      _ = try await Self.overtaken(harness)
      let row = try await harness.first.database.query(
        """
        select r.xmin::text = f.xmin::text, r.xmin::text = a.xmin::text
        from reversal r, fact f, attempt a where f.kind = 1 and a.disposition = 3
        """
      ).single()
      let same = try row.decode((Bool, Bool).self)
      #expect(same == (true, true))
    }
  }

  /// 2: a job for an attempt that is not condemned, however it came about, gives nothing back.
  @Test func interleaving2AReversalNeverVoidsWhatMayWin() async throws {
    try await GatewayHarness.with { harness in
      _ = try await Self.undecided(harness, firstActs: true)
      try await harness.test.run(
        """
        insert into gateway.reversal (merchant_id, intent_id, operation_id, attempt_id, next_try_at,
          actor, trace_id)
        select merchant_id, intent_id, operation_id, id, now(), 'test', '' from gateway.attempt
        where sequence = 1;
        update gateway.attempt set look_at = null,
          reference = '\(try await harness.gateways.payments()[0].id)' where sequence = 1;
        """)
      try await harness.first.recover()
      #expect(try await harness.books().contains("stripe requires_capture 0"))
      try await harness.test.run("update gateway.attempt set look_at = now() where sequence = 1")
      try await harness.work { try await harness.books().contains("stripe succeeded 4999") }
    }
  }

  /// 3: where a second gateway is possible, the first one authorises only.
  @Test func interleaving3TheFirstGatewayNeverCapturesByItself() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "error_500", on: ["capture"])
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.authorized])
      #expect(try await harness.books() == ["stripe requires_capture 0"])
    }
  }

  /// 4: a kept-alive connection that dies after acting is not proof that nothing was sent.
  @Test func interleaving4ADeadConnectionIsNoProof() async throws {
    try await GatewayHarness.with { harness in
      _ = try await harness.first.execute(harness.order())
      try await harness.gateways.inject("stripe", "close_after")
      try await harness.gateways.inject("stripe", "key_in_use", on: ["authorize"])
      let order = harness.order(offSession: true)
      let facts = try await harness.first.execute(order)
      #expect(facts.first?.kind == .unknown)
      #expect(try await harness.books().count == 2)
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
    }
  }

  /// 5: the first request never arrived, the second gateway was asked: nothing asks the first again.
  @Test func interleaving5NothingIsRepeatedOnceASecondAttemptExists() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.undecided(harness, firstActs: false)
      for _ in 0..<4 {
        try await harness.hurry()
        try await harness.first.recover()
        try await harness.second.recover()
      }
      _ = try await harness.second.execute(order)
      #expect(try await harness.books() == ["adyen refused 0"])
      #expect(
        try await harness.first.load(order).story == ["1 stripe open unknown", "2 adyen open declined"])
    }
  }

  /// 6: a debit has no authorisation without capture: never a second one beside it.
  @Test func interleaving6ADebitIsNeverAskedForTwice() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        method.type = .sepaDebit
        (method.stripe, method.adyen) = ("pm_success_de", "stored_sepa")
      }
      try await harness.gateways.blackHole("stripe")
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.first.load(order).story == ["1 stripe open unknown"])
      #expect(try await harness.books().isEmpty)
    }
  }

  /// 7: not found is no evidence, and a good payment is looked for before it could be cancelled.
  @Test func interleaving7NotFoundProvesNothing() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "timeout_before", on: ["authorize"])
      let order = harness.order(offSession: true)
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.first.load(order).story == ["1 stripe open unknown"])
    }
  }

  /// 8: a cancel that the gateway answers with a stored 500 goes out under a new key.
  @Test func interleaving8ACancelIsRepeatedUnderANewKey() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.overtaken(harness)
      try await harness.gateways.inject("stripe", "error_500", on: ["cancel"])
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.books().contains("stripe requires_capture 0"))
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.books().contains("stripe canceled 0"))
      #expect(try await harness.first.load(order).story.first == "1 stripe condemned canceled")
    }
  }

  /// 14: a declined object that a payer could confirm again is dead before the next gateway is
  /// asked, or before the caller hears that the payment is canceled.
  @Test func interleaving14ADeclinedObjectCannotComeBack() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        (method.stripe, method.adyen) = ("pm_card_authenticationRequired", nil)
      }
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.requiresAction])
      #expect(try await harness.first.close(order).kinds == [.requiresAction, .canceled])
      #expect(try await harness.books() == ["stripe canceled 0"])
      // Without an answer of the gateway nothing is called canceled yet.
      try await harness.gateways.inject("stripe", "error_500", on: ["cancel"])
      let other = harness.order()
      _ = try await harness.first.execute(other)
      #expect(try await harness.first.close(other).kinds == [.requiresAction])
      try await harness.work { try await harness.first.load(other).operation.isFinal }
      #expect(try await harness.books() == ["stripe canceled 0", "stripe canceled 0"])
    }
  }

  /// 15: a success that shows up after the operation has closed is given back; money that was taken
  /// is an orphan with an alert.
  @Test func interleaving15ALateSuccessIsGivenBack() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      try await harness.gateways.inject("stripe", "error_500_after")
      try await harness.gateways.inject("stripe", "error_500", on: ["list"], count: 10)
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.unknown])
      #expect(try await harness.first.close(order).kinds == [.unknown])
      try await harness.gateways.heal()
      // It was a charge in one call: the money is there when the word of it comes.
      try await StripeEvent.deliver(
        order, status: "succeeded", id: "evt_late", to: harness.second, harness)
      #expect(try await harness.alerts() == ["orphan_captured"])
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.books() == ["stripe succeeded 0"])
      #expect(try await harness.first.load(order).story == ["1 stripe condemned refunded"])
      // Both movements are told, once each and with one amount, and nothing is left for people.
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.unknown, .orphanCaptured, .orphanReversed, .canceled])
      #expect(facts[1...2].allSatisfy { $0.amount?.amountMinor == 4_999 && $0.gateway == "stripe" })
      #expect(try await harness.alerts().isEmpty)
    }
  }
}
