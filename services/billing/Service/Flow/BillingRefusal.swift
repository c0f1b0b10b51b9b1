import BillingCore
import Money
import ServiceKit

/// The refusals of the billing service, in one place: reasons are API.
enum BillingRefusal {
  static var productNotFound: RPCFailure {
    .notFound("PRODUCT_NOT_FOUND", "This merchant has no product with this id.")
  }

  static var priceNotFound: RPCFailure {
    .notFound("PRICE_NOT_FOUND", "This merchant has no price with this id.")
  }

  static var customerNotFound: RPCFailure {
    .notFound("CUSTOMER_NOT_FOUND", "This merchant has no customer with this id.")
  }

  static var paymentMethodNotFound: RPCFailure {
    .notFound(
      "PAYMENT_METHOD_NOT_FOUND", "This merchant has no usable payment method with this id.")
  }

  static var subscriptionNotFound: RPCFailure {
    .notFound("SUBSCRIPTION_NOT_FOUND", "This merchant has no subscription with this id.")
  }

  static var invoiceNotFound: RPCFailure {
    .notFound("INVOICE_NOT_FOUND", "This merchant has no invoice with this id.")
  }

  /// The subscription's state does not allow what was asked.
  static func state(_ current: SubscriptionStatus, for event: SubscriptionEvent) -> RPCFailure {
    let allowed = SubscriptionMachine.states(allowing: event).map(\.publicName)
      .joined(separator: ", ")
    return .failedPrecondition(
      "SUBSCRIPTION_STATE", "The subscription is \(current.publicName); this needs \(allowed).",
      metadata: ["current": current.publicName, "allowed": allowed])
  }

  static func bill(_ refusal: BillRefusal) -> RPCFailure {
    switch refusal {
    case .amountTooLarge:
      .invalid(
        "quantity", "AMOUNT_TOO_LARGE",
        "A period would cost more than \(BillingLimits.amountMinorMax) minor units.")
    case .periodOutOfRange:
      .invalid("price_id", "INTERVAL_INVALID", "The period would end after the year 9999.")
    }
  }

  static var liveMerchant: RPCFailure {
    .failedPrecondition("LIVE_MERCHANT", "Only test merchants have a movable clock.")
  }

  static func clockBackwards(_ now: Timestamp) -> RPCFailure {
    .invalid("to", "CLOCK_BACKWARDS", "The merchant's clock shows \(now) and never goes back.")
  }

  static var clockStepTooLarge: RPCFailure {
    .invalid(
      "to", "CLOCK_STEP_TOO_LARGE",
      "One step moves the clock by at most \(BillingLimits.clockStepDaysMax) days.")
  }
}
