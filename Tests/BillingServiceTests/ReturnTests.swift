import TestSupport
import Testing
import Wire

@testable import BillingService

/// Direct debits that the payer's bank takes back weeks after the invoice was paid.
@Suite(.freshDatabase(service: "billing"))
struct ReturnTests {
  private static func failures(_ billing: BillingHarness) async throws -> Int {
    try await billing.told().filter { $0 == "invoice.payment_failed" }.count
  }

  @Test func aReturnedDebitOpensItsPaidInvoiceAgain() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      let (invoice, intent) = (made.invoice.id, made.invoice.paymentIntentID)
      #expect(made.invoice.status == .paid && made.subscription.status == .active)
      #expect(try await billing.tell(invoice, intent, version: 9, .succeeded, paidMinor: 0) == 1)
      let owed = try await billing.invoice(invoice)
      #expect(owed.status == .open && owed.paidAt == nil)
      #expect(owed.paymentStatus == .succeeded && owed.paymentIntentID == intent)
      #expect(try await billing.subscription(made.subscription.id).status == .pastDue)
      #expect(
        try await billing.told().suffix(2)
          == ["invoice.payment_failed", "customer.subscription.updated"])
      // Told again, and told more: once is enough. Nothing asks for the money by itself.
      #expect(try await billing.tell(invoice, intent, version: 9, .succeeded, paidMinor: 0) == 0)
      #expect(try await billing.tell(invoice, intent, version: 10, .succeeded, paidMinor: 0) == 1)
      billing.clock.advance(by: .seconds(24 * 3_600))
      await billing.worker.look()
      #expect(try await Self.failures(billing) == 1)
      #expect(billing.payments.charges.count == 1)
      #expect(try await billing.count("select count(*) from alert") == 0)
    }
  }

  /// The news of success and of the return come as one, or the other way round: it is owed.
  @Test func aReturnThatIsToldFirstIsAFailedPayment() async throws {
    try await BillingHarness.with { billing in
      billing.payments.set(.processing)
      let made = try await billing.subscribe(try await billing.price(1_500))
      let (invoice, intent) = (made.invoice.id, made.invoice.paymentIntentID)
      #expect(try await billing.tell(invoice, intent, version: 6, .succeeded, paidMinor: 500) == 1)
      #expect(try await billing.tell(invoice, intent, version: 5, .succeeded, paidMinor: 1_500) == 0)
      #expect(try await billing.invoice(invoice).status == .open)
      #expect(try await billing.subscription(made.subscription.id).status == .incomplete)
      #expect(try await Self.failures(billing) == 1)
    }
  }

  /// Who has canceled owes what was used all the same.
  @Test func aCanceledSubscriptionOwesWhatWentBack() async throws {
    try await BillingHarness.with { billing in
      let made = try await billing.subscribe(try await billing.price(1_500))
      _ = try await billing.cancel(made.subscription.id)
      let (invoice, intent) = (made.invoice.id, made.invoice.paymentIntentID)
      #expect(try await billing.tell(invoice, intent, version: 9, .succeeded, paidMinor: 0) == 1)
      #expect(try await billing.invoice(invoice).status == .open)
      #expect(try await billing.subscription(made.subscription.id).status == .canceled)
      #expect(try await Self.failures(billing) == 1)
    }
  }
}
