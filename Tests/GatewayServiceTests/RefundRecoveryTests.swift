import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// Refunds that are refused for good, and refunds that left no trace.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct RefundRecoveryTests {
  static let refund = RefundID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0c01)
  static let other = RefundID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0c02)

  static func age(_ harness: GatewayHarness, hours: Int) async throws {
    try await harness.test.run(
      "update gateway.refund set created_at = created_at - interval '\(hours) hours', "
        + "sent_at = sent_at - interval '\(hours) hours'")
  }

  private static func refunded(_ harness: GatewayHarness) async throws -> [Int64] {
    try await harness.gateways.payments().map(\.refunded)
  }

  /// Too much: it has failed for ever. A late repetition sends nothing, also when there is room again.
  @Test func aRefundThatIsTooLargeIsRememberedAsFailed() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let refused = try await harness.first.refund(order, Self.refund, minor: 5_000)
      #expect(refused.last?.kind == .refundFailed)
      #expect(refused.last?.decline?.code == "amount_too_large")
      #expect(refused.last?.refundID == Self.refund.description)
      #expect(try await harness.second.refund(order, Self.refund, minor: 5_000) == refused)
      #expect(try await harness.alerts() == ["refund_refused"])
      for _ in 0..<2 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await Self.refunded(harness) == [0])
      #expect(try await harness.first.refund(order, Self.other).last?.kind == .refunded)
      #expect(try await Self.refunded(harness) == [4_999])
    }
  }

  /// There is nothing to refund at: the operation has no winner, and gets one afterwards.
  @Test func aRefundBeforeTheWinnerStaysFailed() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        method.type = .sepaDebit
        (method.stripe, method.adyen) = ("pm_successDelayed_de", nil)
      }
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let refused = try await harness.first.refund(order, Self.refund)
      #expect(refused.kinds == [.pending, .refundFailed])
      #expect(refused.last?.decline?.code == "operation_not_won" && refused.last?.gateway == "")
      try await harness.gateways.advance(hours: 1)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
      #expect(
        try await harness.first.refund(order, Self.refund).kinds
          == [.pending, .refundFailed, .captured])
      #expect(try await Self.refunded(harness) == [0])
    }
  }

  /// What is known here and there differs: that is an error, and decides nothing.
  @Test func anotherAmountUnderTheSameIdDecidesNothing() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      _ = try await harness.first.refund(order, Self.refund, minor: 1_000)
      await #expect(throws: RPCFailure.self) {
        try await harness.first.refund(order, Self.refund, minor: 2_000)
      }
      #expect(try await Self.refunded(harness) == [1_000])
    }
  }

  /// A 500 without an effect, which Stripe repeats while it remembers the key: when nothing can be
  /// under way any more, the payment's refunds without it are evidence; then its amount is free.
  /// Not earlier because a process's clock is ahead, nor later because it is behind.
  @Test(arguments: [0, 7_200, -7_200])
  func aRefundThatLeftNoTraceEndsByTheList(seconds: Int64) async throws {
    let wrong = CeilingTests.Clock()
    wrong.clock.advance(by: .seconds(seconds))
    try await GatewayHarness.with(clock: wrong) { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      try await harness.gateways.inject("stripe", "error_500", on: ["refund"])
      let asked = try await harness.first.refund(order, Self.refund)
      #expect(!asked.kinds.contains(.refundFailed) && !asked.kinds.contains(.refunded))
      try await Self.age(harness, hours: 24)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.refund(order, Self.refund).kinds == asked.kinds)
      try await Self.age(harness, hours: 1)
      try await harness.hurry()
      try await harness.first.recover()
      let ended = try await harness.first.refund(order, Self.refund)
      #expect(ended.last?.kind == .refundFailed)
      #expect(ended.last?.decline?.code == "refund_never_existed")
      #expect(try await harness.first.refund(order, Self.other).last?.kind == .refunded)
      #expect(try await Self.refunded(harness) == [4_999])
    }
  }

  /// A restore has forgotten that a queued refund went out, and Stripe its key: the payment's list
  /// tells, and what is not on it is sent.
  @Test func whatARestoreFoundQueuedIsSentOnlyWhereTheListHasItNot() async throws {
    try await GatewayHarness.with(priority: "stripe") { harness in
      harness.vault.method.withLock { $0.adyen = nil }
      let order = harness.order()
      _ = try await harness.first.execute(order)
      for id in [Self.refund, Self.other] {
        try await harness.gateways.inject("stripe", "rate_limited", on: ["refund"])
        _ = try await harness.first.refund(order, id, minor: 1_000)
        guard id == Self.refund else { continue }
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await Self.refunded(harness) == [1_000])
      try await harness.test.run(
        """
        alter table gateway.refund disable trigger user;
        update gateway.refund set state = 6, has_succeeded = false, reference = null,
          decided_at = null, next_try_at = now();
        alter table gateway.refund enable trigger user;
        delete from gateway.outbox;
        delete from gateway.fact where kind = 12;
        update gateway.operation set fact_count = fact_count - 1, version = version + 1;
        """)
      let id = try await harness.begin().id
      try await harness.read()
      try await harness.openByAll(id)
      try await harness.gateways.advance(hours: 25)
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      #expect(try await Self.refunded(harness) == [2_000])
      let done: Int64 = try await harness.value("select count(*) from refund where state = 3")
      #expect(done == 2)
    }
  }

  /// The window counts from the last first send: one that was queued for a day has just left.
  @Test func whatWasJustSentAgainIsNotAbsent() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      try await harness.gateways.inject("stripe", "rate_limited", on: ["refund"])
      _ = try await harness.first.refund(order, Self.refund)
      try await Self.age(harness, hours: 26)
      try await harness.gateways.inject("stripe", "error_500", on: ["refund"])
      for _ in 0..<3 {
        try await harness.hurry()
        try await harness.first.recover()
      }
      let state: Int16 = try await harness.value("select state from refund")
      #expect(state == GatewayCore.Refund.State.unknown.rawValue)
    }
  }
}
