import BillingCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// What merchants are told, as rows of the outbox in the transaction of the change; all of one
/// subscription in order.
struct BillingWriter: Sendable {
  static let webhooks = "webhooks"

  let identifiers: IdentifierSource
  let time: BillingTime

  func event(
    _ type: String, _ subscription: SubscriptionRow, at now: Timestamp, _ stamp: Stamp
  ) -> Statement {
    event(
      type, subscription.merchant, subscription.id, object: subscription.id.description,
      version: subscription.version, json: BillingJSON.text(subscription), at: now, stamp)
  }

  func event(
    _ type: String, _ invoice: InvoiceRow, _ lines: [BillLine], at now: Timestamp, _ stamp: Stamp
  ) -> Statement {
    event(
      type, invoice.merchant, invoice.subscription, object: invoice.id.description,
      version: invoice.version, json: BillingJSON.text(invoice, lines), at: now, stamp)
  }

  private func event(
    _ type: String, _ merchant: MerchantID, _ subscription: SubscriptionID, object: String,
    version: Int64, json: String, at now: Timestamp, _ stamp: Stamp
  ) -> Statement {
    let id = identifiers.make(EventID.self)
    let event = WebhooksV1.EventToPublish(
      id: id.description, merchantID: merchant.description, type: type, objectID: object,
      objectVersion: UInt64(version), createdAt: now.wire, objectJson: json)
    return OutboxWriter.insert(
      OutboxMessage(
        destination: Self.webhooks, distributionKey: subscription.bits, id: id.bits,
        merchant: merchant, payload: event.encode(), actor: stamp.actor, traceID: stamp.traceID))
  }

  /// The statements of applied news.
  func statements(
    _ news: NewsApplication, _ lines: [BillLine], at now: Timestamp, _ stamp: Stamp
  ) -> [Statement] {
    var statements: [Statement] = []
    if news.hasChanged { statements.append(InvoiceStatements.update(news.invoice, stamp)) }
    if let further = news.furtherTry {
      statements.append(
        InvoiceStatements.insert(further.payment, after: further.pauseSeconds, time, stamp))
    }
    for event in news.events {
      switch event {
      case .invoicePaid:
        statements.append(self.event("invoice.paid", news.invoice, lines, at: now, stamp))
      case .invoicePaymentFailed:
        statements.append(
          self.event("invoice.payment_failed", news.invoice, lines, at: now, stamp))
      case .invoiceVoided:
        statements.append(self.event("invoice.voided", news.invoice, lines, at: now, stamp))
      case .subscriptionUpdated:
        statements.append(SubscriptionStatements.update(news.subscription, stamp))
        statements.append(
          self.event("customer.subscription.updated", news.subscription, at: now, stamp))
      }
    }
    if let kind = news.alertKind {
      statements.append(
        Alerts.raise(
          Alert(
            .critical, kind: kind, subject: news.invoice.id.description,
            message: "Invoice \(news.invoice.number) and its payment disagree. Compare the invoice "
              + "with its payment intent.",
            actor: stamp.actor, merchant: UUIDBits(news.invoice.merchant.bits))))
    }
    return statements
  }
}
