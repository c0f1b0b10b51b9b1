import GRPCCore
import IntentsCore
import Money
import ServiceKit

/// The refusals of the intents service, in one place: reasons are API.
enum IntentRefusal {
  static func notFound(_ id: PaymentIntentID) -> RPCFailure {
    .notFound("PAYMENT_INTENT_NOT_FOUND", "There is no payment intent \(id) for this merchant.")
  }

  static func customerNotFound(_ id: CustomerID) -> RPCFailure {
    .notFound("CUSTOMER_NOT_FOUND", "There is no customer \(id) for this merchant.")
  }

  /// The intent's state does not allow what was asked.
  static func state(_ current: IntentStatus, allowed: [IntentStatus]) -> RPCFailure {
    let words = allowed.map(\.publicName).joined(separator: ", ")
    return .failedPrecondition(
      "PAYMENT_INTENT_STATE",
      "The payment intent is \(current.publicName); this needs \(words).",
      metadata: ["current": current.publicName, "allowed": words])
  }

  static var paymentMethodRequired: RPCFailure {
    .failedPrecondition(
      "PAYMENT_METHOD_REQUIRED",
      "The payment intent has no payment method. Name one when you confirm it.")
  }

  /// The gateway cannot know what the payer did unless it is told.
  static func redirectResultRequired(_ parameter: String) -> RPCFailure {
    .failedPrecondition(
      "REDIRECT_RESULT_REQUIRED",
      "Hand over what the payer's return carries as \(parameter), decoded from the URL.",
      metadata: ["result_parameter": parameter])
  }

  static func originUsed(by intent: PaymentIntentID) -> RPCFailure {
    RPCFailure(
      .alreadyExists, "ORIGIN_ALREADY_USED",
      "This origin already has the payment intent \(intent). Confirm that one.",
      metadata: ["payment_intent_id": intent.description])
  }

  static func refundNotFound(_ id: RefundID) -> RPCFailure {
    .notFound("REFUND_NOT_FOUND", "There is no refund \(id) for this merchant.")
  }

  static func refund(
    _ refusal: IntentAmounts.RefundRefusal, _ current: IntentStatus
  ) -> RPCFailure {
    switch refusal {
    case .state(let allowed): state(current, allowed: allowed)
    case .amountTooLarge(let refundable):
      .failedPrecondition(
        "AMOUNT_TOO_LARGE", "At most \(refundable) minor units can be refunded.",
        metadata: ["amount_refundable_minor": String(refundable)])
    }
  }

  /// A direct debit that its payer may still have taken back without a reason.
  static func returnRisk(until: Timestamp) -> RPCFailure {
    .failedPrecondition(
      "RETURN_RISK_NOT_ACCEPTED",
      "The payer may have the bank take this debit back until \(until), also after a refund. "
        + "Refund with accept_return_risk, or afterwards.",
      metadata: ["until": "\(until)"])
  }

  static func currency(_ currency: Currency) -> RPCFailure {
    .invalid(
      "amount.currency", "CURRENCY_MISMATCH", "The payment intent is in \(currency.code).")
  }

  static func amount(_ refusal: IntentAmounts.CaptureRefusal) -> RPCFailure {
    switch refusal {
    case .amountNotPositive:
      .invalid("amount.amount_minor", "AMOUNT_NOT_POSITIVE", "The amount must be positive.")
    case .amountTooLarge(let capturable):
      .failedPrecondition(
        "AMOUNT_TOO_LARGE", "At most \(capturable) minor units can be captured.",
        metadata: ["amount_capturable_minor": String(capturable)])
    }
  }
}
