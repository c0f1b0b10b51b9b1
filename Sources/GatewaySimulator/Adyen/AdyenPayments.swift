import InboundHTTP

/// `/payments`.
extension AdyenAPI {
  private static let referenceAlphabet: StaticString = "BCDFGHJKLMNPQRSTVWXZ23456789"

  static func newPSPReference() -> String { randomText(16, referenceAlphabet) }

  func authorize(_ call: Call, _ books: inout Books, _ now: Int64) -> Outcome {
    let json = call.json
    if let error = checked(json) { return error.unstored }
    guard let amount = json["amount"]?["value"]?.int,
      let currency = json["amount"]?["currency"]?.text, let reference = json["reference"]?.text
    else { return AdyenError(code: "100", message: "Amount missing", type: "validation").unstored }
    let stored = json["paymentMethod"]?["storedPaymentMethodId"]?.text ?? ""
    guard let method = TestMethods.adyen(stored) else {
      return AdyenError(code: "803", message: "PaymentDetail not found", type: "validation")
        .unstored
    }
    var payment = Payment(
      gateway: .adyen,
      id: AdyenAPI.newPSPReference(),
      status: .processing,
      amount: amount,
      currency: currency,
      createdAt: now
    )
    payment.method = stored
    payment.reference = reference
    payment.metadata = json["metadata"]?.pairs ?? []
    payment.idempotencyKey = call.idempotencyKey
    payment.fate = call.fate
    payment.tries = 1
    decideCapture(&payment, json)
    decide(&payment, method, json, now)
    if payment.status == .requiresAction, let address = json["returnUrl"]?.text {
      payment.echoed.append(("returnUrl", address))
      payment.challenge = ChallengePage.address(host: call.host)
    }
    books.put(.payment(payment))
    switch payment.status {
    case .processing, .requiresAction: break
    default: announceAuthorisation(payment, &books, now)
    }
    return Outcome(response: response(payment, method), isStored: true)
  }

  private func checked(_ json: JSON) -> AdyenError? {
    func invalid(_ code: String, _ message: String) -> AdyenError {
      AdyenError(code: code, message: message, type: "validation")
    }
    guard let amount = json["amount"] else { return invalid("100", "No amount specified") }
    guard let value = amount["value"]?.int, value >= 0 else {
      return invalid("137", "Invalid amount specified")
    }
    guard let currency = amount["currency"]?.text, StripeParameters.currencies.contains(currency)
    else { return invalid("138", "Unsupported currency specified") }
    guard let reference = json["reference"]?.text, !reference.isEmpty else {
      return invalid("130", "Reference Missing")
    }
    guard reference.utf8.count <= AdyenAPI.referenceLengthMax else {
      return invalid("130", "Reference is longer than \(AdyenAPI.referenceLengthMax)")
    }
    guard let method = json["paymentMethod"], case .object = method else {
      return invalid("14_006", "Required field 'paymentMethod' is not provided.")
    }
    guard json["returnUrl"]?.text?.utf8.count ?? 0 <= AdyenAPI.returnURLLengthMax else {
      return invalid("14_006", "returnUrl is longer than \(AdyenAPI.returnURLLengthMax)")
    }
    return nil
  }

  /// The account captures at once unless the request says otherwise.
  private func decideCapture(_ payment: inout Payment, _ json: JSON) {
    let manual = json["additionalData"]?["manualCapture"]
    payment.capturesManually = manual?.text == "true" || manual?.bool == true
    if let hours = json["captureDelayHours"]?.int, hours > 0, !payment.capturesManually {
      payment.dueAction = .capture
      payment.due = payment.createdAt + hours * 3_600_000
    }
  }

  private func decide(
    _ payment: inout Payment,
    _ method: TestMethod,
    _ json: JSON,
    _ now: Int64
  ) {
    let holder = json["paymentMethod"]?["holderName"]?.text ?? ""
    if let refusal = TestMethods.refusal(trigger: holder), !holder.isEmpty {
      refuse(&payment, refusal.name)
      return
    }
    switch method.behaviour {
    case .refuses(let name): refuse(&payment, name)
    case .authenticates:
      if json["shopperInteraction"]?.text == "ContAuth" {
        refuse(&payment, "authentication_required")
      } else {
        payment.status = .requiresAction
      }
    case .bank(_, let slow): payment.due = now + (slow ? tuning.lateFailure : tuning.bank)
    case .sepaDebit: payment.due = now + tuning.sepa
    case .approves, .refunds, .captureFailsLate, .disputed: approve(&payment, now)
    }
  }

  private func refuse(_ payment: inout Payment, _ name: String) {
    payment.status = .refused
    payment.refusal = name
    payment.due = nil
    payment.dueAction = nil
  }

  func approve(_ payment: inout Payment, _ now: Int64) {
    payment.authorized = payment.amount
    // Of nothing: the method is verified, and there is nothing to capture.
    if payment.amount == 0 {
      payment.status = .succeeded
      payment.due = nil
      payment.dueAction = nil
      return
    }
    if payment.capturesManually || payment.dueAction == .capture {
      payment.status = .requiresCapture
    } else {
      payment.due = nil
      take(&payment, payment.amount, failsLate: false, now)
    }
  }

  /// Captures; the method or a fault can make it fail later.
  func take(_ payment: inout Payment, _ amount: Int64, failsLate: Bool, _ now: Int64) {
    payment.captured = amount
    payment.status = .succeeded
    payment.due = nil
    payment.dueAction = nil
    var isDoomed = failsLate
    if case .captureFailsLate? = payment.method.flatMap(TestMethods.adyen)?.behaviour {
      isDoomed = true
    }
    if isDoomed {
      payment.due = now + tuning.lateFailure
      payment.dueAction = .failCapture
    } else if let fate = payment.fate ?? payment.method.flatMap(TestMethods.adyen)?.fate {
      payment.due = now + tuning.withLock { $0.milliseconds(until: fate) }
      payment.dueAction = fate
    }
  }

  func response(_ payment: Payment, _ method: TestMethod) -> Response {
    .json(200) { out in
      out.object("additionalData") { $0.text("cardSummary", method.last4) }
      out.text("pspReference", payment.id)
      if let name = payment.refusal {
        let refusal = TestMethods.refusal(name)
        out.text("refusalReason", refusal.adyenReason)
        out.text("refusalReasonCode", refusal.adyenCode)
      }
      out.text("resultCode", AdyenAPI.resultCode(payment))
      if payment.status == .requiresAction {
        out.object("action") { action in
          action.text("paymentMethodType", "scheme")
          action.text("type", "redirect")
          action.text("method", "GET")
          action.text("url", payment.challenge ?? "https://checkoutshopper-test.adyen.com/3ds")
        }
      }
      out.object("amount") { amount in
        amount.text("currency", payment.currency)
        amount.number("value", payment.amount)
      }
      out.text("merchantReference", payment.reference)
      out.object("paymentMethod") { writer in
        writer.text("brand", method.brand)
        writer.text("type", method.isBank ? "sepadirectdebit" : "scheme")
      }
    }
  }

  static func resultCode(_ payment: Payment) -> String {
    switch payment.status {
    case .refused: payment.refusal == "processing_error" ? "Error" : "Refused"
    case .canceled: "Cancelled"
    case .processing: "Received"
    case .requiresAction: "RedirectShopper"
    default: "Authorised"
    }
  }
}
