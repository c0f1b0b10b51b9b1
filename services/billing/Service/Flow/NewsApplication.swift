import BillingCore
import Money

/// Applies news of an intent to its invoice and subscription, in memory: what comes out is written
/// in one transaction. Each version counts once, and an older one never.
struct NewsApplication {
  enum Event: Sendable, Hashable {
    case invoicePaid
    case invoicePaymentFailed
    case invoiceVoided
    case subscriptionUpdated
  }

  private(set) var subscription: SubscriptionRow
  private(set) var invoice: InvoiceRow
  private(set) var events: [Event] = []
  /// A try to be made later, because nothing was executed.
  private(set) var furtherTry: (payment: PaymentTryRow, pauseSeconds: Int64)?
  /// What people must look at.
  private(set) var alertKind: String?
  private(set) var hasChanged = false

  /// The failure code of an invoice whose money went back.
  static let returnedCode = "payment_returned"

  private let otherOpenInvoices: Int64
  private let merchantNow: Timestamp

  init(
    _ subscription: SubscriptionRow, _ invoice: InvoiceRow, otherOpenInvoices: Int64,
    merchantNow: Timestamp
  ) {
    self.subscription = subscription
    self.invoice = invoice
    self.otherOpenInvoices = otherOpenInvoices
    self.merchantNow = merchantNow
  }

  /// Answers whether the news counted.
  mutating func apply(_ news: PaymentNews) -> Bool {
    guard invoice.intent == nil || invoice.intent == news.intent else {
      alertKind = "invoice_second_intent"
      return false
    }
    guard news.version > invoice.paymentVersion else { return false }
    let event = news.status.invoiceEvent(paidMinor: news.paidMinor, of: invoice.total.minor)
    // Of a succeeded intent an open invoice knows already: it was told when the money went back.
    let knowsReturn = invoice.status == .open && invoice.paymentStatus == .succeeded
    invoice.intent = news.intent
    invoice.paymentVersion = news.version
    invoice.paymentStatus = news.status
    invoice.paymentFailureCode =
      switch event {
      case .paymentSucceeded: nil
      case .paymentReturned: Self.returnedCode
      default: news.failure?.code
      }
    changeInvoice()
    guard let event else { return true }
    switch InvoiceMachine.verdict(invoice.status, event) {
    case .moves(let status):
      invoice.status = status
      if status == .paid { paid() }
      if event == .paymentReturned { returned() }
    case .stays:
      guard invoice.status == .open else { break }
      if event == .paymentFailed { failed(news.failure) }
      if event == .paymentReturned, !knowsReturn { returned() }
    case .conflict, .refused:
      alertKind = "invoice_\(invoice.status.publicName)_but_\(news.status.publicName)"
    }
    return true
  }

  /// intents refused the try before any money moved.
  mutating func refuse(reason: String) {
    guard invoice.status == .open else { return }
    invoice.paymentFailureCode = reason.lowercased()
    changeInvoice()
    alertKind = "invoice_try_refused"
    failed(nil)
  }

  /// The try has ended, and nobody here knows whether it has paid.
  mutating func leaveToPeople(reason: String) {
    guard invoice.status == .open else { return }
    invoice.paymentFailureCode = reason.lowercased()
    changeInvoice()
    alertKind = "invoice_payment_unclear"
  }

  /// The try that was answered.
  mutating func closeTry() { invoice.hasOpenTry = false }

  private mutating func paid() {
    invoice.paidAt = merchantNow
    events.append(.invoicePaid)
    if otherOpenInvoices == 0 { moveSubscription(.allPaid) }
  }

  /// Owed again, also by who has canceled meanwhile. Its one intent has succeeded and is not confirmed
  /// again: how the money is asked for once more is dunning's.
  private mutating func returned() {
    invoice.paidAt = nil
    events.append(.invoicePaymentFailed)
    moveSubscription(.paymentFailed)
  }

  private mutating func failed(_ failure: PaymentFailureReason?) {
    guard subscription.status.renews || subscription.status == .incomplete else {
      // It was kept open only because its payment was under way.
      invoice.status = .void
      events += [.invoicePaymentFailed, .invoiceVoided]
      return
    }
    if let pause = PaymentTryPolicy.pauseSeconds(after: failure, tries: invoice.paymentTries) {
      invoice.paymentTries += 1
      invoice.hasOpenTry = true
      let payment = PaymentTryRow(
        merchant: invoice.merchant, invoice: invoice.id, number: invoice.paymentTries,
        kind: .confirm, state: .open, looks: 0,
        key: PaymentTryRow.key(
          of: subscription.id, period: invoice.period, try: invoice.paymentTries))
      furtherTry = (payment, pause)
      return
    }
    events.append(.invoicePaymentFailed)
    moveSubscription(.paymentFailed)
  }

  private mutating func moveSubscription(_ event: SubscriptionEvent) {
    guard let status = SubscriptionMachine.next(subscription.status, event) else { return }
    subscription.status = status
    subscription.version += 1
    events.append(.subscriptionUpdated)
  }

  private mutating func changeInvoice() {
    invoice.version += 1
    hasChanged = true
  }
}
