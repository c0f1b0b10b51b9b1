import BillingCore
import Money

/// What billing asks of other services, as values: the flow is tested without them.
protocol PaymentPort: Sendable {
  /// Moves an invoice's money, or finds out what became of it. The same charge may be sent any
  /// number of times.
  func charge(_ charge: Charge) async -> ChargeAnswer

  /// - Throws: CUSTOMER_NOT_FOUND, PAYMENT_METHOD_NOT_FOUND, UNAVAILABLE.
  func verify(
    _ customer: CustomerID, _ method: PaymentMethodID, of merchant: MerchantID
  ) async throws
}

/// One try to move an invoice's money.
struct Charge: Sendable {
  var merchant: MerchantID
  var invoice: InvoiceID
  var number: InvoiceNumber
  var amount: Amount
  var customer: CustomerID
  var paymentMethod: PaymentMethodID
  /// The intent to confirm again; nil creates it.
  var intent: PaymentIntentID?
  /// The try's own.
  var key: String
}

enum ChargeAnswer: Sendable {
  case news(PaymentNews)
  /// Refused before any money moved; the reason is upper snake case.
  case refused(reason: String)
  /// The key has been used for something that intents cannot tell: nobody charges again before people
  /// have compared.
  case unclear(reason: String)
  /// It may have happened or not: the same charge is sent again later.
  case unknown(String)
}

/// The state of an invoice's intent at one version.
struct PaymentNews: Sendable {
  var intent: PaymentIntentID
  var version: Int64
  var status: PaymentStatus
  var failure: PaymentFailureReason?
  /// Captured less returned, minor units; nil when the answer does not tell it.
  var paidMinor: Int64?
}
