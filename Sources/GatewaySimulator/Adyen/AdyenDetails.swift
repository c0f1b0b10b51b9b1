import InboundHTTP

/// `/payments/details`: what the payer brought back from the bank's page. Only here is anything
/// authorised.
extension AdyenAPI {
  static let redirectResultLengthMax = 20_000
  private static let resultAlphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/!"

  func details(_ call: Call, _ books: inout Books, _ now: Int64) -> Outcome {
    func invalid(_ code: String, _ message: String) -> Outcome {
      AdyenError(code: code, message: message, type: "validation").unstored
    }
    guard let result = call.json["details"]?["redirectResult"]?.text, !result.isEmpty else {
      return invalid("14_006", "Required field 'details.redirectResult' is not provided.")
    }
    guard result.utf8.count <= AdyenAPI.redirectResultLengthMax,
      var payment = books.paymentOfResult[result].flatMap({ books.payments[$0] })
    else { return invalid("14_018", "The redirectResult is not valid") }
    guard !payment.isResultUsed else {
      return invalid("704", "request already processed or in progress")
    }
    payment.isResultUsed = true
    switch payment.status {
    case .requiresAction where payment.challengeAnswer == "approve": approve(&payment, now)
    case .requiresAction:
      payment.status = .refused
      payment.refusal = "authentication_failed"
    // Decided meanwhile, without the payer.
    default:
      if payment.status == .canceled { payment.refusal = "canceled" }
      books.put(.payment(payment))
      return Outcome(response: response(payment), isStored: true)
    }
    books.put(.payment(payment))
    announceAuthorisation(payment, &books, now)
    return Outcome(response: response(payment), isStored: true)
  }

  /// The payer has answered the bank; the merchant is told when they come back.
  func challenge(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64) {
    guard var payment = books.payments[id] else { return }
    payment.challengeAnswer = succeeds ? "approve" : "refuse"
    payment.redirectResult = "X" + randomText(120, AdyenAPI.resultAlphabet) + "=="
    books.put(.payment(payment))
  }

  func returnAddress(_ payment: Payment) -> String? {
    guard let result = payment.redirectResult,
      let address = payment.echoed.first(where: { $0.0 == "returnUrl" })?.1
    else { return nil }
    return Payment.appending([("redirectResult", result)], to: address)
  }

  private func response(_ payment: Payment) -> Response {
    response(payment, payment.method.flatMap(TestMethods.adyen) ?? TestMethods.all[0])
  }
}
