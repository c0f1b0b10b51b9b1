/// A test payment method that both gateways know, under one alias.
struct DemoMethod: Sendable {
  let alias: String
  /// The test method of each gateway, as gateway-sim documents them.
  let stripe: String
  let adyen: String
  let last4: String

  static let all: [DemoMethod] = [
    DemoMethod(alias: "card_visa", stripe: "pm_card_visa", adyen: "stored_visa", last4: "4242"),
    DemoMethod(
      alias: "card_declined", stripe: "pm_card_visa_chargeDeclined", adyen: "stored_declined",
      last4: "0002"),
    DemoMethod(
      alias: "card_insufficient_funds", stripe: "pm_card_visa_chargeDeclinedInsufficientFunds",
      adyen: "stored_not_enough_balance", last4: "9995"),
    DemoMethod(
      alias: "card_lost", stripe: "pm_card_visa_chargeDeclinedLostCard",
      adyen: "stored_blocked_card", last4: "9987"),
    DemoMethod(
      alias: "card_stolen", stripe: "pm_card_visa_chargeDeclinedStolenCard",
      adyen: "stored_restricted_card", last4: "9979"),
    DemoMethod(
      alias: "card_expired", stripe: "pm_card_chargeDeclinedExpiredCard",
      adyen: "stored_card_expired", last4: "0069"),
    DemoMethod(
      alias: "card_incorrect_cvc", stripe: "pm_card_chargeDeclinedIncorrectCvc",
      adyen: "stored_cvc_declined", last4: "0127"),
    DemoMethod(
      alias: "card_processing_error", stripe: "pm_card_chargeDeclinedProcessingError",
      adyen: "stored_acquirer_error", last4: "0119"),
    DemoMethod(
      alias: "card_authentication_required", stripe: "pm_card_authenticationRequired",
      adyen: "stored_authentication_required", last4: "3184"),
    DemoMethod(
      alias: "card_refund_fails", stripe: "pm_card_refundFail", adyen: "stored_refund_fails",
      last4: "5126"),
    DemoMethod(
      alias: "card_refund_pending", stripe: "pm_card_pendingRefund",
      adyen: "stored_refund_pending", last4: "7726"),
  ]
}
