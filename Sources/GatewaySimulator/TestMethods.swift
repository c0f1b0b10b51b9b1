/// One way to refuse, in both gateways' words.
struct Refusal: Sendable {
  let name: String
  let stripeCode: String
  let stripeDeclineCode: String?
  let stripeMessage: String
  let stripeAdvice: String?
  let adyenReason: String
  let adyenCode: String
  /// The holder name that triggers it at Adyen.
  let adyenTrigger: String
}

/// What a stored method does when it is charged.
enum MethodBehaviour: Sendable {
  case approves
  case refuses(String)
  /// Asks the payer first; without a payer present it refuses.
  case authenticates
  /// A bank debit: processing, then paid or failed after the bank's delay (`slow`: three minutes).
  case bank(pays: Bool, slow: Bool)
  /// Approves; refunds then end like this.
  case refunds(endAs: String, late: Bool)
  /// Approves; captures are taken and fail later (Adyen's CAPTURE_FAILED).
  case captureFailsLate
  /// A direct debit as banks take their time: processing for days of the simulator's clock.
  case sepaDebit(SepaEnd)
  /// Approves; what was captured is charged back, and perhaps given back again.
  case disputed(DueAction)
}

enum SepaEnd: Sendable {
  case paid, failed
  /// Paid, and taken back by the payer's bank weeks later.
  case returned
}

struct TestMethod: Sendable {
  /// The name in Tender's own set, `card_visa`.
  let name: String
  let stripe: [String]
  let adyen: [String]
  let brand: String
  let last4: String
  let behaviour: MethodBehaviour

  var isBank: Bool {
    switch behaviour {
    case .bank, .sepaDebit: true
    default: false
    }
  }

  /// What becomes of the money once it was captured.
  var fate: DueAction? {
    switch behaviour {
    case .disputed(let fate): fate
    case .sepaDebit(.returned): .sepaReturn
    default: nil
    }
  }
}

enum TestMethods {
  static func stripe(_ id: String) -> TestMethod? { byStripe[id] }
  static func adyen(_ id: String) -> TestMethod? { byAdyen[id] }
  /// The faults that methods stand for.
  static let faultsByStripe = faults(\.stripe)
  static let faultsByAdyen = faults(\.adyen)

  private static func faults(
    _ name: KeyPath<Fault.MethodNames, String>
  ) -> [String: Fault] {
    var faults: [String: Fault] = [:]
    for fault in Fault.allCases {
      if let method = fault.testMethod { faults[method[keyPath: name]] = fault }
    }
    return faults
  }
  static func refusal(_ name: String) -> Refusal { byRefusal[name] ?? refusals[0] }
  static func refusal(trigger: String) -> Refusal? {
    refusals.first { $0.adyenTrigger == trigger.uppercased() }
  }

  private static let byStripe = index(\.stripe)
  private static let byAdyen = index(\.adyen)
  private static let byRefusal = Dictionary(
    refusals.map { ($0.name, $0) },
    uniquingKeysWith: { first, _ in first }
  )

  private static func index(_ names: KeyPath<TestMethod, [String]>) -> [String: TestMethod] {
    var index: [String: TestMethod] = [:]
    for method in all { for name in method[keyPath: names] { index[name] = method } }
    return index
  }

  // swift-format-ignore
  static let refusals: [Refusal] = [
    row("generic_decline", "card_declined", "generic_decline", "Your card was declined.", "try_again_later", "Refused", "2", "DECLINED"),
    row("insufficient_funds", "card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later", "Not enough balance", "12", "NOT_ENOUGH_BALANCE"),
    row("lost_card", "card_declined", "lost_card", "Your card was declined.", "do_not_try_again", "Blocked Card", "5", "BLOCK_CARD"),
    row("stolen_card", "card_declined", "stolen_card", "Your card was declined.", "do_not_try_again", "Restricted Card", "25", "RESTRICTED_CARD"),
    row("expired_card", "expired_card", "expired_card", "Your card has expired.", "do_not_try_again", "Expired Card", "6", "CARD_EXPIRED"),
    row("incorrect_cvc", "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", "CVC Declined", "24", "CVC_DECLINED"),
    row("processing_error", "processing_error", "processing_error", "An error occurred while processing your card. Try again later.", "try_again_later", "Acquirer Error", "4", "ACQUIRER_ERROR"),
    row("fraudulent", "card_declined", "fraudulent", "Your card was declined.", "do_not_try_again", "FRAUD", "20", "FRAUD"),
    row("card_velocity_exceeded", "card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently.", "try_again_later", "Withdrawal count exceeded", "29", "WITHDRAWAL_COUNT_EXCEEDED"),
    row("issuer_not_available", "card_declined", "issuer_not_available", "Your card was declined.", "try_again_later", "Issuer Unavailable", "9", "ISSUER_UNAVAILABLE"),
    row("transaction_not_allowed", "card_declined", "transaction_not_allowed", "Your card was declined.", "do_not_try_again", "Transaction Not Permitted", "23", "TRANSACTION_NOT_PERMITTED"),
    row("authentication_required", "authentication_required", "authentication_required", "Your card was declined. This transaction requires authentication.", nil, "Authentication required", "38", "AUTHENTICATION_REQUIRED"),
    row("authentication_failed", "payment_intent_authentication_failure", nil, "The provided payment method has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.", nil, "3D Not Authenticated", "11", ""),
    row("canceled", "payment_intent_unexpected_state", nil, "The payment was canceled.", nil, "Shopper Cancelled", "16", ""),
    row("bank_refused", "payment_intent_payment_attempt_failed", nil, "The bank did not pay the direct debit.", nil, "Refused", "2", ""),
  ]

  // swift-format-ignore
  static let all: [TestMethod] = named + Fault.allCases.compactMap { fault in
    fault.testMethod.map { card("card_fault_" + fault.rawValue, [$0.stripe], [$0.adyen], "4242", .approves) }
  }

  // swift-format-ignore
  private static let named: [TestMethod] = [
    card("card_visa", ["pm_card_visa", "tok_visa"], ["stored_visa"], "4242", .approves),
    card("card_mastercard", ["pm_card_mastercard", "tok_mastercard"], ["stored_mastercard"], "4444", .approves, brand: "mastercard"),
    card("card_declined", ["pm_card_visa_chargeDeclined", "pm_card_chargeDeclined", "tok_visa_chargeDeclined", "tok_chargeDeclined"], ["stored_declined"], "0002", .refuses("generic_decline")),
    card("card_insufficient_funds", ["pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds", "tok_visa_chargeDeclinedInsufficientFunds"], ["stored_not_enough_balance"], "9995", .refuses("insufficient_funds")),
    card("card_lost", ["pm_card_visa_chargeDeclinedLostCard"], ["stored_blocked_card"], "9987", .refuses("lost_card")),
    card("card_stolen", ["pm_card_visa_chargeDeclinedStolenCard"], ["stored_restricted_card"], "9979", .refuses("stolen_card")),
    card("card_expired", ["pm_card_chargeDeclinedExpiredCard", "pm_card_visa_chargeDeclinedExpiredCard", "tok_chargeDeclinedExpiredCard"], ["stored_card_expired"], "0069", .refuses("expired_card")),
    card("card_incorrect_cvc", ["pm_card_chargeDeclinedIncorrectCvc", "pm_card_visa_chargeDeclinedIncorrectCvc", "tok_chargeDeclinedIncorrectCvc"], ["stored_cvc_declined"], "0127", .refuses("incorrect_cvc")),
    card("card_processing_error", ["pm_card_chargeDeclinedProcessingError", "pm_card_visa_chargeDeclinedProcessingError", "tok_chargeDeclinedProcessingError"], ["stored_acquirer_error"], "0119", .refuses("processing_error")),
    card("card_fraudulent", ["pm_card_visa_chargeDeclinedFraudulent", "pm_card_chargeDeclinedFraudulent"], ["stored_fraud"], "0019", .refuses("fraudulent")),
    card("card_velocity", ["pm_card_visa_chargeDeclinedVelocityLimitExceeded"], ["stored_withdrawal_count_exceeded"], "6975", .refuses("card_velocity_exceeded")),
    card("card_customer_fail", ["pm_card_chargeCustomerFail", "tok_chargeCustomerFail"], ["stored_transaction_not_permitted"], "0341", .refuses("generic_decline")),
    card("card_issuer_unavailable", [], ["stored_issuer_unavailable"], "0009", .refuses("issuer_not_available")),
    card("card_authentication_required", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required", "tok_threeDSecure2Required"], ["stored_authentication_required"], "3184", .authenticates),
    card("card_refund_fails", ["pm_card_refundFail", "tok_refundFail"], ["stored_refund_fails"], "5126", .refunds(endAs: "failed", late: true)),
    card("card_refund_pending", ["pm_card_pendingRefund", "tok_pendingRefund"], ["stored_refund_pending"], "7726", .refunds(endAs: "succeeded", late: true)),
    card("card_capture_fails", [], ["stored_capture_fails"], "0016", .captureFailsLate),
    card("card_chargeback", ["pm_card_createDispute", "tok_createDispute"], ["stored_chargeback"], "0259", .disputed(.chargeBack)),
    card("card_chargeback_reversed", ["pm_card_createDisputeReversed"], ["stored_chargeback_reversed"], "0258", .disputed(.chargeBackReversed)),
    debit("sepa_debit", .paid),
    debit("sepa_debit_fails", .failed),
    debit("sepa_debit_returned", .returned),
    sepa("sepa", "pm_success_", ["stored_sepa"], .bank(pays: true, slow: false)),
    sepa("sepa_slow", "pm_successDelayed_", ["stored_sepa_slow"], .bank(pays: true, slow: true)),
    sepa("sepa_failed", "pm_failed_", ["stored_sepa_failed"], .bank(pays: false, slow: false)),
    sepa("sepa_failed_slow", "pm_failedDelayed_", ["stored_sepa_failed_slow"], .bank(pays: false, slow: true)),
  ]

  private static func row(
    _ name: String,
    _ code: String,
    _ declineCode: String?,
    _ message: String,
    _ advice: String?,
    _ reason: String,
    _ number: String,
    _ trigger: String
  ) -> Refusal {
    Refusal(
      name: name,
      stripeCode: code,
      stripeDeclineCode: declineCode,
      stripeMessage: message,
      stripeAdvice: advice,
      adyenReason: reason,
      adyenCode: number,
      adyenTrigger: trigger
    )
  }

  private static func card(
    _ name: String,
    _ stripe: [String],
    _ adyen: [String],
    _ last4: String,
    _ behaviour: MethodBehaviour,
    brand: String = "visa"
  ) -> TestMethod {
    TestMethod(
      name: name,
      stripe: stripe,
      adyen: adyen,
      brand: brand,
      last4: last4,
      behaviour: behaviour
    )
  }

  private static func debit(_ name: String, _ end: SepaEnd) -> TestMethod {
    TestMethod(
      name: name, stripe: ["pm_" + name], adyen: ["stored_" + name], brand: "sepa_debit",
      last4: "3000", behaviour: .sepaDebit(end))
  }

  /// Stripe names its direct debit test methods per country.
  private static func sepa(
    _ name: String,
    _ prefix: String,
    _ adyen: [String],
    _ behaviour: MethodBehaviour
  ) -> TestMethod {
    let countries = [
      "at", "be", "de", "ee", "es", "fi", "fr", "gi", "hr", "ie", "li", "lt", "lu", "nl", "no",
      "pt", "se", "ch", "gb",
    ]
    return TestMethod(
      name: name,
      stripe: countries.map { prefix + $0 },
      adyen: adyen,
      brand: "sepa_debit",
      last4: "3000",
      behaviour: behaviour
    )
  }
}
