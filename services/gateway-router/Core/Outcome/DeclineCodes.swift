/// The rows of `DeclineTable`.
extension DeclineTable {
  /// By Stripe's decline code, or its error code where there is none: the 50 published ones
  /// (docs.stripe.com/declines/codes) and five error codes that come instead of one.
  static let stripeEntries: [String: Entry] = {
    var rows = entries(stripeGroups)
    // Published with "after 24 hours".
    rows["card_decline_rate_limit_exceeded"] = Entry(
      code: "velocity_exceeded", class: .later, retryAfterSeconds: 24 * 3_600)
    return rows
  }()

  private static let stripeGroups: KeyValuePairs<DeclineClass, [String: String]> = [
    .never: [
      "lost_card": "lost_card", "stolen_card": "stolen_card", "pickup_card": "pickup_card",
      "invalid_account": "invalid_account", "invalid_number": "incorrect_number",
      "incorrect_number": "incorrect_number",
      "revocation_of_authorization": "authorization_revoked",
      "revocation_of_all_authorizations": "authorization_revoked",
      "stop_payment_order": "authorization_revoked",
      "debit_not_authorized": "authorization_revoked",
      "transaction_not_allowed": "not_permitted", "restricted_card": "restricted_card",
      "security_violation": "not_permitted", "service_not_allowed": "not_permitted",
      "fraudulent": "suspected_fraud", "merchant_blacklist": "blocked",
      "do_not_try_again": "declined", "duplicate_transaction": "duplicate_transaction",
      "testmode_decline": "test_method_in_live_mode",
    ],
    .fixData: [
      "expired_card": "expired_card", "incorrect_cvc": "incorrect_cvc",
      "invalid_cvc": "incorrect_cvc", "incorrect_address": "incorrect_address",
      "incorrect_zip": "incorrect_address", "invalid_expiry_month": "invalid_expiry",
      "invalid_expiry_year": "invalid_expiry", "incorrect_pin": "incorrect_pin",
      "invalid_pin": "incorrect_pin", "invalid_amount": "invalid_amount",
      "currency_not_supported": "currency_not_supported",
      "card_not_supported": "card_not_supported",
      "new_account_information_available": "card_data_changed",
    ],
    .stepUp: [
      "authentication_required": "authentication_required",
      "authentication_not_handled": "authentication_required",
      "mobile_device_authentication_required": "authentication_required",
      "offline_pin_required": "authentication_required",
      "online_or_offline_pin_required": "authentication_required",
      "payment_intent_authentication_failure": "authentication_failed",
    ],
    .later: [
      "insufficient_funds": "insufficient_funds",
      "card_velocity_exceeded": "velocity_exceeded",
      "withdrawal_count_limit_exceeded": "velocity_exceeded",
      "pin_try_exceeded": "incorrect_pin", "try_again_later": "try_again_later",
      "do_not_honor": "do_not_honor", "generic_decline": "declined", "card_declined": "declined",
      "payment_intent_payment_attempt_failed": "declined",
      "call_issuer": "call_issuer", "no_action_taken": "declined",
      "approve_with_id": "call_issuer", "not_permitted": "not_permitted",
    ],
    .otherGateway: [
      "issuer_not_available": "issuer_unavailable", "processing_error": "processing_error",
      "reenter_transaction": "processing_error",
    ],
  ]

  /// By Adyen's refusal reason code: 2 to 46 and 50 (docs.adyen.com, refusal reasons). 33 to 37, 40,
  /// 41 and 43 to 45 are of card terminals: a stored card cannot answer them.
  static let adyenEntries = entries([
    .never: [
      "3": "call_issuer", "5": "blocked", "10": "not_permitted", "14": "suspected_fraud",
      "20": "suspected_fraud", "22": "suspected_fraud", "23": "not_permitted",
      "25": "restricted_card", "26": "authorization_revoked", "31": "suspected_fraud",
      "33": "incorrect_pin", "34": "invalid_account", "35": "invalid_account",
      "36": "incorrect_pin", "37": "not_permitted", "43": "incorrect_pin", "44": "not_permitted",
      "45": "not_permitted", "46": "blocked", "50": "authorization_revoked",
    ],
    .fixData: [
      "6": "expired_card", "7": "invalid_amount", "8": "incorrect_number", "17": "incorrect_pin",
      "19": "incorrect_pin", "24": "incorrect_cvc", "32": "incorrect_address",
    ],
    .stepUp: [
      "11": "authentication_failed", "38": "authentication_required",
      "39": "authentication_failed", "41": "authentication_required",
      "42": "authentication_failed",
    ],
    .later: [
      "2": "declined", "12": "insufficient_funds", "13": "try_again_later", "15": "declined",
      "16": "canceled_by_payer", "18": "incorrect_pin", "28": "velocity_exceeded",
      "29": "velocity_exceeded", "30": "partially_approved", "40": "network_unavailable",
    ],
    .otherGateway: [
      "4": "processing_error", "9": "issuer_unavailable", "21": "not_submitted",
      "27": "do_not_honor",
    ],
  ])
}
