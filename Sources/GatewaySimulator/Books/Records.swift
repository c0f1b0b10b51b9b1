package enum Gateway: String, Sendable, CaseIterable {
  case stripe, adyen
}

/// Where a payment stands. Stripe's words for a PaymentIntent; Adyen's states are a subset.
enum PaymentStatus: String, Sendable {
  case requiresPaymentMethod = "requires_payment_method"
  case requiresConfirmation = "requires_confirmation"
  case requiresAction = "requires_action"
  case processing
  /// Authorised, the money is held, not taken.
  case requiresCapture = "requires_capture"
  case succeeded
  case canceled
  /// Adyen only: refused for good. At Stripe a declined intent requires another method.
  case refused
}

/// What happens to an Adyen payment by itself.
enum DueAction: String, Sendable {
  /// `captureDelayHours` are over.
  case capture
  /// A capture that succeeded fails after all.
  case failCapture = "fail_capture"
  /// The payer's bank takes the captured money back, for good or until the dispute is won.
  case chargeBack = "charge_back"
  case chargeBackReversed = "charge_back_reversed"
  /// The payer's bank returns a direct debit weeks after it was paid.
  case sepaReturn = "sepa_return"
}

/// One PaymentIntent at Stripe, one payment at Adyen. Amounts in minor units, times in
/// milliseconds since 1970 on the simulator's clock.
struct Payment: Sendable {
  let gateway: Gateway
  /// `pi_…` or the pspReference.
  let id: String
  var status: PaymentStatus
  let amount: Int64
  let currency: String
  var authorized: Int64 = 0
  var captured: Int64 = 0
  var refunded: Int64 = 0
  var method: String?
  var capturesManually = false
  var reference: String = ""
  var metadata: [(String, String)] = []
  var idempotencyKey: String?
  let createdAt: Int64
  /// When something happens by itself: a hold expires, a bank answers, a delayed capture runs.
  var due: Int64?
  /// The latest try to charge, `ch_…` at Stripe.
  var chargeID: String?
  /// How often money was asked for, declines included.
  var tries: Int64 = 0
  /// The name of the last refusal in the table of test methods.
  var refusal: String?
  /// Texts that are only echoed: description, customer, statement_descriptor, …
  var echoed: [(String, String)] = []
  var cancellationReason: String?
  var canceledAt: Int64?
  /// What `due` brings where the status does not say it.
  var dueAction: DueAction?
  /// What becomes of it once its money was taken; from its method or from a fault.
  var fate: DueAction?
  /// The address of the bank's page that its payer was sent to.
  var challenge: String?
  /// What the payer said there: `approve` or `refuse`.
  var challengeAnswer: String?
  /// What Adyen gave the payer to bring back, and whether it was handed over.
  var redirectResult: String?
  var isResultUsed = false
  /// Taken back by disputes and returns, as far as they are not won.
  var disputed: Int64 = 0
}

struct Refund: Sendable {
  let gateway: Gateway
  let id: String
  let paymentID: String
  let amount: Int64
  let currency: String
  /// `pending`, `succeeded` or `failed`.
  var status: String
  var reason: String?
  var reference: String = ""
  var metadata: [(String, String)] = []
  var idempotencyKey: String?
  let createdAt: Int64
  var due: Int64?
  /// What `due` brings.
  var endsAs: String = "succeeded"
}

/// Something asked of an Adyen payment, acknowledged with `received` and done later.
struct Modification: Sendable {
  enum Kind: String, Sendable {
    case capture, cancel, refund, reversal
    case technicalCancel = "technical_cancel"
  }

  let id: String
  let kind: Kind
  /// The payment; for a technical cancel the merchant's payment reference.
  let target: String
  let amount: Int64?
  let currency: String?
  var reference: String = ""
  var idempotencyKey: String?
  let createdAt: Int64
  /// `received`, `done` or `failed`.
  var status = "received"
  var reason: String?
  var due: Int64?
  /// A fault chosen when it was asked for.
  var fault: String?
}

/// A chargeback, or a direct debit that was returned.
struct Dispute: Sendable {
  let gateway: Gateway
  /// `du_…` or the pspReference.
  let id: String
  let paymentID: String
  let amount: Int64
  let currency: String
  /// Stripe's word for the reason; Adyen's follows from it.
  let reason: String
  let isReturn: Bool
  /// `needs_response`, `won` or `lost`.
  var status: String
  let createdAt: Int64
  /// When it ends by itself.
  var due: Int64?
}

/// A request that passed access and asks for a change, or that met a fault; as it was answered.
struct AcceptedRequest: Sendable {
  let at: Int64
  let gateway: Gateway
  let operation: Operation
  let target: String?
  let reference: String
  let amount: Int64?
  let currency: String?
  let idempotencyKey: String?
  let isReplay: Bool
  let fault: Fault?
  /// Of the true answer, whether or not it arrived.
  let status: Int
}

/// A SetupIntent.
struct Setup: Sendable {
  let id: String
  var status: String
  var method: String?
  var metadata: [(String, String)] = []
  let createdAt: Int64
  /// The name of its refusal in the table of test methods.
  var refusal: String?
}

/// Something to announce. `body` is what `/v1/events` shows or the notification item.
struct Event: Sendable {
  let gateway: Gateway
  let id: String
  let type: String
  let createdAt: Int64
  let body: [UInt8]
  /// False once it was acknowledged or given up, or nobody listens.
  var isUndelivered: Bool
  /// What happens to its notification on the way.
  var treatment: Fault?
}

/// The first answer to an idempotency key.
struct StoredAnswer: Sendable {
  let gateway: Gateway
  let key: String
  /// Method and path, then the parameters.
  let endpoint: UInt64
  let fingerprint: UInt64
  let createdAt: Int64
  let status: Int
  let body: [UInt8]
}

/// One line's worth of change: the new state of one thing, whole.
enum Record: Sendable {
  case payment(Payment)
  case refund(Refund)
  case modification(Modification)
  case setup(Setup)
  case dispute(Dispute)
  case request(AcceptedRequest)
  case movement(Movement)
  case event(Event)
  case delivered(eventID: String)
  case answer(StoredAnswer)
  case clock(offsetMilliseconds: Int64)
}
