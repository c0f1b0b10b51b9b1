import GatewayCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// What the bank works on while no notification comes: looks on a slow schedule, an alert by age, an
/// end.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct PendingTests {
  static func debit(_ harness: GatewayHarness) async throws -> OperationRecord {
    harness.vault.method.withLock { method in
      method.type = .sepaDebit
      (method.stripe, method.adyen) = ("pm_successDelayed_de", nil)
    }
    let order = harness.order()
    #expect(try await harness.first.execute(order).kinds == [.pending])
    return order
  }

  private static func lookSeconds(_ harness: GatewayHarness) async throws -> Int64 {
    try await harness.value(
      "select round(extract(epoch from look_at - created_at))::bigint from attempt")
  }

  @Test func aLostNotificationIsMadeUpForByALook() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.debit(harness)
      #expect(try await Self.lookSeconds(harness) == 300)
      try await GiveUpTests.age(harness, minutes: 10)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe open pending"])
      #expect(try await Self.lookSeconds(harness) == 3_600)
      // The bank pays, and nobody says so.
      try await harness.gateways.advance(hours: 1)
      try await GiveUpTests.age(harness, minutes: 60)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
      let facts = try await harness.first.execute(order)
      #expect(facts.kinds == [.pending, .captured])
      #expect(facts.allSatisfy { $0.paymentMethodType == "sepa_debit" })
    }
  }

  @Test func peopleHearOfADebitThatTakesTooLong() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.debit(harness)
      // Less than 14 bank days, whatever day it is.
      try await GiveUpTests.age(harness, minutes: 15 * 1_440)
      try await harness.hurry()
      try await harness.second.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe open pending"])
      #expect(try await harness.alerts() == ["attempt_pending_long"])
      try await harness.gateways.advance(hours: 1)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await harness.first.load(order).story == ["1 stripe winner captured"])
      #expect(try await harness.alerts().isEmpty)
    }
  }

  /// Given up, it stays unknown until the bank has decided; what it pays then is given back.
  @Test func whatTheBankNeverDecidesIsGivenUp() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.debit(harness)
      try await GiveUpTests.age(harness, minutes: 30 * 1_440)
      try await harness.hurry()
      try await harness.first.recover()
      let record = try await harness.first.load(order)
      #expect(record.story == ["1 stripe condemned pending"] && !record.operation.isFinal)
      #expect(record.operation.state == .closed)
      try await harness.gateways.advance(hours: 1)
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.books() == ["stripe succeeded 0"])
      #expect(
        try await harness.first.execute(order).kinds
          == [.pending, .orphanCaptured, .orphanReversed, .canceled])
    }
  }

  /// Adyen has no call that reads a payment: nothing is sent, the look only moves on.
  @Test func whereNoLookExistsOnlyTheTimePasses() async throws {
    try await GatewayHarness.with { harness in
      harness.vault.method.withLock { method in
        method.type = .sepaDebit
        (method.stripe, method.adyen) = (nil, "stored_sepa")
      }
      let order = harness.order()
      #expect(try await harness.first.execute(order).kinds == [.pending])
      let before = try await harness.gateways.payments().map(\.tries)
      try await GiveUpTests.age(harness, minutes: 10)
      try await harness.hurry()
      try await harness.first.recover()
      #expect(try await Self.lookSeconds(harness) == 3_600)
      #expect(try await harness.gateways.payments().map(\.tries) == before)
      #expect(try await harness.first.load(order).story == ["1 adyen open pending"])
    }
  }

  @Test func whatRecoveryHasBeforeItIsMeasured() async throws {
    try await GatewayHarness.with { harness in
      _ = try await Self.debit(harness)
      try await GiveUpTests.age(harness, minutes: 10)
      try await harness.hurry()
      let gauges = RecoveryGauges(database: harness.first.database, times: RecoveryTimes())
      let families = try await onLoop(harness.first.loop) { try await gauges.families() }
      func value(_ name: String, _ kind: String) -> Double? {
        let series = families.first { $0.name == name }?.series.first {
          $0.labels.contains { $0.value == kind }
        }
        guard case .number(let number)? = series?.value else { return nil }
        return number
      }
      #expect(value(RecoveryGauges.items, "attempts_pending") == 1)
      #expect((value(RecoveryGauges.oldest, "attempts_pending") ?? 0) >= 600)
      #expect(RecoveryGauges.kinds.compactMap { value(RecoveryGauges.items, $0) }.reduce(0, +) == 1)
    }
  }
}
