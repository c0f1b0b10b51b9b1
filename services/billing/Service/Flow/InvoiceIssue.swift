import BillingCore
import Money
import Postgres
import ServiceKit

/// A bill as the invoice that is about to be written, with its first try.
struct InvoiceIssue: Sendable {
  /// The caller's own flow makes the first try; the worker looks after this time.
  static let firstLookSeconds: Int64 = 15

  let invoice: InvoiceRow
  let bill: Bill
  /// Nil when there is nothing to pay.
  let payment: PaymentTryRow?

  /// - Parameter key: of the first try.
  init(
    _ bill: Bill, id: InvoiceID, number: InvoiceNumber, of subscription: SubscriptionID,
    _ merchant: MerchantID, merchantNow: Timestamp, key: String
  ) {
    let isFree = bill.total.minor == 0
    self.bill = bill
    invoice = InvoiceRow(
      merchant: merchant, id: id, subscription: subscription, period: bill.period.index,
      number: number, status: isFree ? .paid : .open, total: bill.total, intent: nil,
      paymentStatus: nil, paymentVersion: 0, paymentFailureCode: nil,
      paymentTries: isFree ? 0 : 1, version: 1, createdAt: merchantNow,
      paidAt: isFree ? merchantNow : nil, hasOpenTry: !isFree)
    payment =
      isFree
      ? nil
      : PaymentTryRow(
        merchant: merchant, invoice: id, number: 1, kind: .create, state: .open, looks: 0,
        key: key)
  }

  func statements(_ writer: BillingWriter, at now: Timestamp, _ stamp: Stamp) -> [Statement] {
    var statements = [
      InvoiceStatements.insert(invoice, stamp),
      InvoiceStatements.insert(bill.lines, of: invoice),
    ]
    if let payment {
      statements.append(
        InvoiceStatements.insert(payment, after: Self.firstLookSeconds, writer.time, stamp))
    }
    statements.append(writer.event("invoice.created", invoice, bill.lines, at: now, stamp))
    if invoice.status == .paid {
      statements.append(writer.event("invoice.paid", invoice, bill.lines, at: now, stamp))
    }
    return statements
  }
}
