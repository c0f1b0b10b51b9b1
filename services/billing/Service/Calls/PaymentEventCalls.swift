import BillingCore
import GRPCCore
import Logging
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// tender.billing.v1.PaymentEvents: what intents tells about intents that come from invoices.
struct PaymentEventCalls: BillingV1.PaymentEvents.SimpleServiceProtocol {
  static let originType = "invoice"

  let environment: ServiceEnvironment
  let payment: InvoicePayment

  /// Each version of an intent counts once, and an older one than the newest never. What cannot be
  /// applied is taken note of for people, and does not hold up what comes after it.
  func applyPaymentEvents(
    request: BillingV1.ApplyPaymentEventsRequest, context: ServerContext
  ) async throws -> BillingV1.ApplyPaymentEventsResponse {
    var response = BillingV1.ApplyPaymentEventsResponse()
    for (index, event) in request.events.enumerated() {
      if try await apply(event, field: "events[\(index)]") { response.applied += 1 }
    }
    return response
  }

  private func apply(_ event: BillingV1.PaymentEvent, field: String) async throws -> Bool {
    let merchant = try RequestFields.merchant(event.merchantID, "\(field).merchant_id")
    let intent = try RequestFields.requiredID(
      event.paymentIntentID, "\(field).payment_intent_id", as: PaymentIntentID.self)
    guard let origin = event.origin, origin.type == Self.originType else { return false }
    let invoice = try RequestFields.requiredID(origin.id, "\(field).origin.id", as: InvoiceID.self)
    guard
      let news = PaymentNews(
        intent: intent, version: event.version, status: event.status, failure: event.failure,
        paidMinor: event.amountPaidMinor)
    else {
      // A state of a newer contract: kept by its sender until this release is replaced.
      throw RPCFailure(.unimplemented, "STATUS_UNKNOWN", "This status is not known here.")
    }
    guard let outcome = try await payment.hear(news, about: invoice, of: merchant) else {
      try await raiseUnknown(invoice, intent, of: merchant)
      return false
    }
    return outcome.applied
  }

  /// After a restore intents may know of an invoice that we do not.
  private func raiseUnknown(
    _ invoice: InvoiceID, _ intent: PaymentIntentID, of merchant: MerchantID
  ) async throws {
    environment.logger.error(
      "news of an invoice that does not exist",
      metadata: ["invoice": "\(invoice)", "intent": "\(intent)"])
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          .critical, kind: "invoice_unknown", subject: invoice.description,
          message: "The payment intent \(intent) belongs to an invoice that is not in the books.",
          actor: "service:billing", merchant: UUIDBits(merchant.bits))))
  }
}
