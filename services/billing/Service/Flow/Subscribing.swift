import BillingCore
import Money
import Postgres
import ServiceKit
import Wire

/// A subscription's beginning and end.
struct Subscribing: Sendable {
  let payment: InvoicePayment

  private var environment: ServiceEnvironment { payment.environment }

  /// What a new subscription is made of.
  struct Draft: Sendable {
    var subscription: SubscriptionID
    var invoice: InvoiceID
    var merchant: MerchantID
    var customer: CustomerID
    var price: PriceID
    var paymentMethod: PaymentMethodID
    var quantity: Int64
    /// The caller's idempotency key.
    var key: String
  }

  /// T1: subscription, first invoice and first try, in the claim's transaction.
  /// - Throws: PRICE_NOT_FOUND, AMOUNT_TOO_LARGE.
  func start(_ draft: Draft, in transaction: borrowing Transaction) async throws {
    let now = environment.clock.now
    let stamp = environment.stamp
    let found = try await transaction.batch([
      CatalogStatements.price(draft.price, of: draft.merchant),
      SubscriptionStatements.now(of: draft.merchant, payment.time),
    ])
    guard let price = try found[0].first.map(PriceRow.init(row:)) else {
      throw BillingRefusal.priceNotFound
    }
    let merchantNow = try found[1].single()[0, as: Timestamp.self]
    let contract = BillingContract(
      schedule: BillingSchedule(anchor: merchantNow, interval: price.interval),
      unitAmount: price.unitAmount, quantity: draft.quantity, description: price.productName)
    let bill: Bill
    do {
      bill = try Bill(of: contract, period: 0)
    } catch {
      throw BillingRefusal.bill(error)
    }
    let subscription = SubscriptionRow(
      merchant: draft.merchant, id: draft.subscription, customer: draft.customer,
      price: draft.price, paymentMethod: draft.paymentMethod, contract: contract,
      status: bill.total.minor == 0 ? .active : .incomplete, currentPeriod: bill.period,
      latestInvoice: draft.invoice, version: 1, createdAt: merchantNow, canceledAt: nil)
    let rows = try await transaction.batch([
      SubscriptionStatements.insert(subscription, stamp),
      InvoiceStatements.claimPeriod(
        0, of: draft.subscription, draft.merchant, for: draft.invoice),
      InvoiceStatements.nextNumber(of: draft.merchant),
    ])
    let issue = InvoiceIssue(
      bill, id: draft.invoice,
      number: try StoredValue.known(InvoiceNumber(try rows[2].single()[0, as: Int64.self])),
      of: draft.subscription, draft.merchant, merchantNow: merchantNow,
      key: PaymentTryRow.firstKey(ofCaller: draft.key))
    _ = try await transaction.batch(
      [payment.writer.event("customer.subscription.created", subscription, at: now, stamp)]
        + issue.statements(payment.writer, at: now, stamp))
  }

  /// Charges the first invoice and stores the claim's answer.
  func finish(
    _ claim: Claim, of merchant: MerchantID
  ) async throws -> BillingV1.CreateSubscriptionResponse {
    defer { environment.idempotency.release(claim) }
    let rows = try await environment.database.query(
      InvoiceStatements.first(of: SubscriptionID(bits: claim.subject.bits), merchant))
    guard let row = rows.first else { throw BillingRefusal.subscriptionNotFound }
    let outcome = try await payment.drive(
      try row[0, as: InvoiceID.self], of: merchant,
      answer: InvoicePayment.Answer(claim: claim) { Self.response($0).encode() })
    return Self.response(outcome)
  }

  private static func response(
    _ outcome: InvoicePayment.Outcome
  ) -> BillingV1.CreateSubscriptionResponse {
    BillingV1.CreateSubscriptionResponse(
      subscription: BillingV1.Subscription(outcome.subscription),
      invoice: BillingV1.Invoice(outcome.invoice, outcome.lines))
  }

  /// Ends a subscription: its open invoices are voided, unless money may still move for them.
  /// - Throws: SUBSCRIPTION_NOT_FOUND, SUBSCRIPTION_STATE.
  func end(
    _ id: SubscriptionID, of merchant: MerchantID, by event: SubscriptionEvent,
    in transaction: borrowing Transaction
  ) async throws -> SubscriptionRow {
    let now = environment.clock.now
    let stamp = environment.stamp
    let found = try await transaction.batch([
      SubscriptionStatements.lock(id, of: merchant),
      InvoiceStatements.openOnes(of: id, merchant),
      SubscriptionStatements.now(of: merchant, payment.time),
      InvoiceStatements.linesOfOpenOnes(of: id, merchant),
    ])
    guard var subscription = try found[0].first.map(SubscriptionRow.init(row:)) else {
      throw BillingRefusal.subscriptionNotFound
    }
    let invoices = try found[1].map(InvoiceRow.init(row:))
    let lines = try found[3].map(InvoiceLineRow.init(row:))
    guard let status = SubscriptionMachine.next(subscription.status, event) else {
      throw BillingRefusal.state(subscription.status, for: event)
    }
    if event == .firstPaymentOverdue, invoices.contains(where: \.isPaymentUnderWay) {
      return subscription
    }
    subscription.status = status
    subscription.version += 1
    if status == .canceled {
      subscription.canceledAt = try found[2].single()[0, as: Timestamp.self]
    }
    var statements = [SubscriptionStatements.update(subscription, stamp)]
    for var invoice in invoices where !invoice.isPaymentUnderWay {
      guard case .moves(let voided) = InvoiceMachine.verdict(invoice.status, .void) else { continue }
      invoice.status = voided
      invoice.version += 1
      statements += [
        InvoiceStatements.update(invoice, stamp),
        payment.writer.event(
          "invoice.voided", invoice, lines.filter { $0.invoice == invoice.id }.map(\.line), at: now,
          stamp),
      ]
    }
    let type =
      status == .canceled ? "customer.subscription.canceled" : "customer.subscription.updated"
    statements.append(payment.writer.event(type, subscription, at: now, stamp))
    _ = try await transaction.batch(statements)
    return subscription
  }
}
