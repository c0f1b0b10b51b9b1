import InboundHTTP

/// Stripe's error object.
struct StripeError {
  var status = 400
  var type = "invalid_request_error"
  var code: String?
  var message: String
  var parameter: String?
  var declineCode: String?
  var adviceCode: String?
  var payment: Payment?
  var setup: Setup?
  var chargeID: String?

  var response: Response {
    .json(status) { out in
      out.object("error") { error in
        if let adviceCode { error.text("advice_code", adviceCode) }
        if let chargeID { error.text("charge", chargeID) }
        if let code {
          error.text("code", code)
          error.text("doc_url", "https://stripe.com/docs/error-codes/" + code)
        }
        if let declineCode { error.text("decline_code", declineCode) }
        error.text("message", message)
        if let parameter { error.text("param", parameter) }
        if let payment { StripeObjects.write(payment, "payment_intent", to: &error) }
        if let setup { StripeObjects.write(setup, "setup_intent", to: &error) }
        error.text("type", type)
      }
    }
  }

  /// Refused before anything was done: the key stays free.
  var unstored: Outcome { Outcome(response: response, isStored: false) }
  /// Refused by what was found while doing it: the key keeps the answer.
  var stored: Outcome { Outcome(response: response, isStored: true) }

  static func missing(_ parameter: String) -> StripeError {
    StripeError(
      code: "parameter_missing",
      message: "Missing required param: \(parameter).",
      parameter: parameter
    )
  }

  static func unknownParameter(_ parameter: String) -> StripeError {
    StripeError(
      code: "parameter_unknown",
      message: "Received unknown parameter: \(parameter)",
      parameter: parameter
    )
  }

  static func invalidInteger(_ parameter: String, _ message: String) -> StripeError {
    StripeError(code: "parameter_invalid_integer", message: message, parameter: parameter)
  }

  static func noSuch(_ object: String, _ id: String, parameter: String, status: Int) -> StripeError
  {
    StripeError(
      status: status,
      code: "resource_missing",
      message: "No such \(object): '\(id)'",
      parameter: parameter
    )
  }

  static func unexpectedState(_ payment: Payment, _ message: String) -> StripeError {
    StripeError(code: "payment_intent_unexpected_state", message: message, payment: payment)
  }

  static func declined(_ setup: Setup, _ refusal: Refusal) -> StripeError {
    StripeError(
      status: 402,
      type: "card_error",
      code: refusal.stripeCode,
      message: refusal.stripeMessage,
      declineCode: refusal.stripeDeclineCode,
      adviceCode: refusal.stripeAdvice,
      setup: setup
    )
  }

  static func declined(_ payment: Payment, _ refusal: Refusal) -> StripeError {
    StripeError(
      status: 402,
      type: "card_error",
      code: refusal.stripeCode,
      message: refusal.stripeMessage,
      declineCode: refusal.stripeDeclineCode,
      adviceCode: refusal.stripeAdvice,
      payment: payment,
      chargeID: payment.chargeID
    )
  }
}
