import BillingCore
import Money
import Postgres
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import BillingService

@Suite(.freshDatabase(service: "billing"))
struct SubscriptionTests {
  @Test func paidFirstInvoiceActivates() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500), quantity: 2)
      #expect(made.subscription.status == .active)
      #expect(made.invoice.status == .paid)
      #expect(made.invoice.number == "INV-000001")
      #expect(made.invoice.total?.amountMinor == 3_000)
      #expect(made.invoice.lines.count == 1)
      #expect(made.invoice.paymentTries == 1)
      let charge = try #require(billing.payments.charges.first)
      #expect(charge.amount == Amount(.eur, minor: 3_000))
      #expect(charge.intent == nil)
      #expect(charge.key.utf8.count <= 64)
      #expect(try await billing.invoice(made.invoice.id) == made.invoice)
      #expect(
        try await billing.told() == [
          "customer.subscription.created", "invoice.created", "invoice.paid",
          "customer.subscription.updated",
        ])
    }
  }

  @Test func sameKeySameSubscription() async throws {
    try await BillingHarness.with { billing in
      let price = try await billing.price(1_500)
      let first = try await billing.subscribe(price)
      // A replay is answered as it was, whatever became of the customer since.
      billing.payments.state.withLock { $0.refusal = BillingRefusal.customerNotFound }
      let second = try await billing.subscribe(price)
      #expect(first.subscription == second.subscription)
      #expect(billing.payments.charges.count == 1)
      #expect(
        await billing.reason { try await billing.subscribe(price, quantity: 3) }
          == "IDEMPOTENCY_KEY_REUSED")
      #expect(
        await billing.reason { try await billing.subscribe(price, key: "other") }
          == "CUSTOMER_NOT_FOUND")
      #expect(try await billing.count("select count(*) from subscription") == 1)
    }
  }

  @Test func declinedFirstInvoiceStaysIncompleteThenExpires() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.fails("card_declined"))
      let made = try await billing.subscribe(try await billing.price(1_500))
      #expect(made.subscription.status == .incomplete)
      #expect(made.invoice.status == .open)
      #expect(made.invoice.paymentStatus == .failed)
      #expect(try await billing.told().last == "invoice.payment_failed")
      billing.clock.advance(by: .seconds(22 * 3_600))
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .incomplete)
      billing.clock.advance(by: .seconds(3_600))
      await billing.worker.look()
      #expect(try await billing.subscription(made.subscription.id).status == .incompleteExpired)
      #expect(try await billing.invoice(made.invoice.id).status == .void)
      #expect(billing.payments.charges.count == 1)
    }
  }

  @Test func freeSubscriptionNeedsNoPayment() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(0))
      #expect(made.subscription.status == .active)
      #expect(made.invoice.status == .paid)
      #expect(billing.payments.charges.isEmpty)
    }
  }

  @Test func refusals() async throws {
    try await BillingHarness.with { billing in
      let price = try await billing.price(99_999_999_999)
      #expect(
        await billing.reason { try await billing.subscribe(price, quantity: 2) }
          == "AMOUNT_TOO_LARGE")
      #expect(
        await billing.reason {
          try await billing.subscribe(price, merchant: BillingHarness.stranger)
        } == "PRICE_NOT_FOUND")
      // Refused numbers are given again: the sequence has no gap.
      let made = try await billing.subscribe(price, key: "good")
      #expect(made.invoice.number == "INV-000001")
      #expect(
        await billing.reason { try await billing.subscription("sub_" + String(repeating: "a", count: 28)) }
          == "SUBSCRIPTION_NOT_FOUND")
    }
  }

  @Test func cancelVoidsWhatIsOpenAndEndsRenewals() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.fails("card_declined"))
      let made = try await billing.subscribe(try await billing.price(1_500))
      let canceled = try await billing.cancel(made.subscription.id)
      #expect(canceled.status == .canceled)
      #expect(canceled.canceledAt != nil)
      #expect(try await billing.invoice(made.invoice.id).status == .void)
      #expect(
        await billing.reason { try await billing.cancel(made.subscription.id, key: "again") }
          == "SUBSCRIPTION_STATE")
      billing.clock.advance(by: .seconds(40 * 86_400))
      await billing.worker.look()
      #expect(try await billing.invoices(made.subscription.id).count == 1)
    }
  }

  @Test func cancelLeavesAnInvoiceWhosePaymentIsUnderWay() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.processing)
      let made = try await billing.subscribe(try await billing.price(1_500))
      _ = try await billing.cancel(made.subscription.id)
      #expect(try await billing.invoice(made.invoice.id).status == .open)
      let intent = try await billing.invoice(made.invoice.id).paymentIntentID
      #expect(
        try await billing.tell(made.invoice.id, intent, version: 9, .failed, code: "card_declined")
          == 1)
      #expect(try await billing.invoice(made.invoice.id).status == .void)
      #expect(try await billing.subscription(made.subscription.id).status == .canceled)
    }
  }
}
