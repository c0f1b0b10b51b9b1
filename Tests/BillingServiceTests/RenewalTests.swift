import BillingCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import BillingService

@Suite(.freshDatabase(service: "billing"))
struct RenewalTests {
  /// Starts 2026-01-15 12:00 (the manual clock's beginning).
  static let start = Timestamp(seconds: 1_768_478_400)

  @Test func workerBillsWhatIsMissingAndOnlyOnce() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 1)
      billing.clock.set(try #require(Timestamp("2026-02-15T11:59:59Z")))
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 1)
      billing.clock.set(try #require(Timestamp("2026-02-15T12:00:00Z")))
      for _ in 0..<3 { await billing.worker.look() }
      let invoices = try await billing.invoices(made.subscription.id)
      #expect(invoices.map(\.number) == ["INV-000002", "INV-000001"])
      #expect(invoices.map(\.period) == [1, 0])
      #expect(invoices.allSatisfy { $0.status == .paid })
      let renewed = try await billing.subscription(made.subscription.id)
      #expect(renewed.currentPeriod == 1)
      #expect(renewed.currentPeriodStart == made.subscription.currentPeriodEnd)
      #expect(renewed.latestInvoiceID == invoices.first?.id)
    }
  }

  @Test func concurrentRunnersBillOnce() async throws {
    try await BillingHarness.with { billing in
      let price = try await billing.price(1_500)
      let made = try await billing.subscribe(price)
      billing.clock.advance(by: .seconds(32 * 86_400))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<6 { group.addTask { try await billing.calls.clock.renewals.renewDue() } }
        try await group.waitForAll()
      }
      #expect(try await billing.invoices(made.subscription.id).count == 2)
      #expect(try await billing.count("select max(number) from invoice") == 2)
      #expect(Set(billing.payments.charges.map(\.invoice)).count == 2)
      #expect(billing.payments.succeeded == 2)
    }
  }

  @Test func failedRenewalIsPastDueAndPaidLater() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      billing.payments.set(.fails("insufficient_funds"))
      billing.clock.advance(by: .seconds(32 * 86_400))
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .pastDue)
      let invoice = try #require(try await billing.invoices(made.subscription.id).first)
      #expect(invoice.status == .open)
      #expect(
        try await billing.tell(invoice.id, invoice.paymentIntentID, version: 8, .succeeded) == 1)
      #expect(try await billing.subscription(made.subscription.id).status == .active)
    }
  }

  @Test func clockOfTestMerchantBillsAYear() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      let to = try #require(Timestamp("2027-01-15T12:00:00Z"))
      let answer = try await billing.advance(to: to, key: "year")
      #expect(answer.invoicesCreated == 12)
      #expect(answer.now == to.wire)
      let invoices = try await billing.invoices(made.subscription.id)
      #expect(invoices.count == 13)
      #expect(invoices.map(\.period) == (0...12).reversed())
      for (newer, older) in zip(invoices, invoices.dropFirst()) {
        #expect(newer.lines.first?.periodStart == older.lines.first?.periodEnd)
      }
      let again = try await billing.advance(to: to, key: "year")
      #expect(again == answer)
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 13)
      #expect(try await billing.advance(to: to, key: "same-moment").invoicesCreated == 0)
    }
  }

  @Test func clockRules() async throws {
    try await BillingHarness.with { billing in
      let past = Self.start - .seconds(1)
      #expect(
        await billing.reason { try await billing.advance(to: past, key: "back") }
          == "CLOCK_BACKWARDS")
      let later = Self.start + .seconds(86_400)
      _ = try await billing.advance(to: later, key: "day")
      #expect(
        await billing.reason { try await billing.advance(to: Self.start, key: "back-again") }
          == "CLOCK_BACKWARDS")
      #expect(
        await billing.reason {
          try await billing.advance(to: later + .seconds(732 * 86_400), key: "far")
        } == "CLOCK_STEP_TOO_LARGE")
      #expect(
        await billing.reason {
          try await billing.advance(to: later, key: "live", merchant: BillingHarness.live)
        } == "LIVE_MERCHANT")
    }
  }

  /// The schema itself refuses a second invoice for a period, and changes of what was billed.
  @Test func guardsOfTheSchema() async throws {
    try await BillingHarness.with { billing in
      _ = try await billing.subscribe(try await billing.price(1_500))
      for sql in [
        "insert into billed_period select merchant_id, subscription_id, period, id from invoice",
        "update invoice set total_minor = 1", "update invoice set number = 7",
        "delete from invoice", "delete from billed_period",
        "update subscription set anchor_at = now()",
      ] {
        await #expect(throws: PostgresError.self, "\(sql)") {
          _ = try await billing.database.query(Statement(sql: sql))
        }
      }
    }
  }
}
