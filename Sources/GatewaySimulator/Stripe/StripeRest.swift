import InboundHTTP

/// Refunds, SetupIntents, reading, and events.
extension StripeAPI {
  func refund(
    _ call: Call, failsLate: Bool, _ books: inout Books, _ now: Int64
  ) -> Outcome {
    let form = call.form
    if let unknown = StripeParameters.firstUnknown(form, StripeParameters.refund) {
      return StripeError.unknownParameter(unknown).unstored
    }
    let id = form["payment_intent"] ?? form["charge"].flatMap { books.paymentOfCharge[$0] }
    guard let id else { return StripeError.missing("payment_intent").unstored }
    guard var payment = books.payments[id], payment.gateway == .stripe else {
      return StripeError.noSuch("payment_intent", id, parameter: "payment_intent", status: 404)
        .unstored
    }
    if let reason = form["reason"], !StripeParameters.refundReasons.contains(reason) {
      return StripeError(message: "Invalid reason: \(reason).", parameter: "reason").unstored
    }
    let remaining = payment.captured - payment.refunded - payment.disputed
    var amount = remaining
    if let text = form["amount"] {
      guard let number = Int64(text), number >= 1 else {
        return StripeError.invalidInteger("amount", "Invalid positive integer").unstored
      }
      amount = number
    }
    if let error = refusal(of: amount, remaining, payment) { return error.stored }
    var refund = Refund(
      gateway: .stripe,
      id: "re_" + randomText(24, lettersAndDigits),
      paymentID: payment.id,
      amount: amount,
      currency: payment.currency,
      status: "succeeded",
      createdAt: now
    )
    refund.reason = form["reason"]
    refund.metadata = form.pairs("metadata")
    refund.reference = refund.metadata.first { $0.0 == "reference" }?.1 ?? ""
    refund.idempotencyKey = call.idempotencyKey
    time(&refund, payment, now)
    if failsLate {
      refund.endsAs = "failed"
      refund.due = now + tuning.lateFailure
    }
    payment.refunded += amount
    books.put(.payment(payment))
    books.put(.refund(refund))
    announce("refund.created", refund, &books, now)
    announce("charge.refunded", payment, &books, now)
    return Outcome(response: response(refund, books), isStored: true)
  }

  private func refusal(of amount: Int64, _ remaining: Int64, _ payment: Payment) -> StripeError? {
    if payment.captured == 0 {
      return StripeError(
        message: "This PaymentIntent (\(payment.id)) does not have a successful charge to refund.",
        parameter: "payment_intent"
      )
    }
    if remaining == 0 {
      return StripeError(
        code: "charge_already_refunded",
        message: "Charge \(payment.chargeID ?? "") has already been refunded."
      )
    }
    if amount > remaining {
      return StripeError(
        message: "Refund amount (\(amount)) is greater than unrefunded amount on charge "
          + "(\(remaining))",
        parameter: "amount"
      )
    }
    return nil
  }

  /// Some methods answer a refund later, or take it back.
  private func time(_ refund: inout Refund, _ payment: Payment, _ now: Int64) {
    guard let method = payment.method.flatMap(TestMethods.stripe) else { return }
    switch method.behaviour {
    case .refunds(let endAs, _):
      refund.endsAs = endAs
      refund.status = endAs == "failed" ? "succeeded" : "pending"
      refund.due = now + tuning.modification
    case .bank, .sepaDebit:
      refund.status = "pending"
      refund.due = now + tuning.bank
    default: break
    }
  }

  func setUp(_ call: Call, _ books: inout Books, _ now: Int64) -> Outcome {
    if let unknown = StripeParameters.firstUnknown(call.form, StripeParameters.setup) {
      return StripeError.unknownParameter(unknown).unstored
    }
    let method = call.form["payment_method"]
    if let method, TestMethods.stripe(method) == nil {
      return StripeError.noSuch("PaymentMethod", method, parameter: "payment_method", status: 400)
        .unstored
    }
    var setup = Setup(
      id: "seti_" + randomText(24, lettersAndDigits),
      status: "requires_payment_method",
      method: method,
      metadata: call.form.pairs("metadata"),
      createdAt: now
    )
    if let method, call.form["confirm"] == "true" {
      switch TestMethods.stripe(method)?.behaviour {
      case .authenticates?: setup.status = "requires_action"
      case .refuses(let name)?: return refuse(setup, name, &books, now)
      default: setup.status = "succeeded"
      }
    } else if method != nil {
      setup.status = "requires_confirmation"
    }
    books.put(.setup(setup))
    if setup.status == "succeeded" { announce("setup_intent.succeeded", setup, &books, now) }
    return Outcome(
      response: .object { StripeObjects.write(setup, nil, to: &$0) },
      isStored: true
    )
  }

  /// The bank lets the method not be used: the intent asks for another one.
  private func refuse(
    _ setup: Setup, _ name: String, _ books: inout Books, _ now: Int64
  ) -> Outcome {
    var setup = setup
    setup.method = nil
    setup.refusal = name
    books.put(.setup(setup))
    announce("setup_intent.setup_failed", setup, &books, now)
    return StripeError.declined(setup, TestMethods.refusal(name)).stored
  }

  private func announce(_ type: String, _ setup: Setup, _ books: inout Books, _ now: Int64) {
    announce(type, &books, now) { StripeObjects.write(setup, "object", to: &$0) }
  }

  func retrieve(_ call: Call, _ books: Books) -> Outcome {
    let id = call.target ?? ""
    let expands = call.form.values("expand").contains("latest_charge")
    if let payment = books.payments[id], payment.gateway == .stripe {
      return Outcome(
        response: StripeObjects.response(payment, expandsCharge: expands),
        isStored: false
      )
    }
    if let refund = books.refunds[id], refund.gateway == .stripe {
      return Outcome(response: response(refund, books), isStored: false)
    }
    if let setup = books.setups[id] {
      return Outcome(
        response: .object { StripeObjects.write(setup, nil, to: &$0) },
        isStored: false
      )
    }
    if let payment = books.paymentOfCharge[id].flatMap({ books.payments[$0] }),
      payment.chargeID == id
    {
      return Outcome(
        response: .object { StripeObjects.writeCharge(payment, nil, to: &$0) },
        isStored: false
      )
    }
    if let dispute = books.disputes[id], dispute.gateway == .stripe {
      let payment = books.payments[dispute.paymentID]
      return Outcome(
        response: .object { StripeObjects.write(dispute, of: payment, nil, to: &$0) },
        isStored: false)
    }
    if let event = books.events.last(where: { $0.id == id }) {
      return Outcome(response: Response(status: 200, body: event.body), isStored: false)
    }
    let object = id.hasPrefix("pi_") ? "payment_intent" : id.hasPrefix("re_") ? "refund" : "object"
    return StripeError.noSuch(object, id, parameter: "id", status: 404).unstored
  }

  private func response(_ refund: Refund, _ books: Books) -> Response {
    let chargeID = books.payments[refund.paymentID]?.chargeID
    return .object { StripeObjects.write(refund, chargeID: chargeID, nil, to: &$0) }
  }

  func authenticate(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64) -> Bool {
    guard var payment = books.payments[id], payment.gateway == .stripe,
      payment.status == .requiresAction
    else { return false }
    guard succeeds else {
      _ = refuse(payment, "authentication_required", &books, now)
      return true
    }
    payment.chargeID = "ch_" + randomText(24, lettersAndDigits)
    approve(&payment, now)
    books.put(.payment(payment))
    announce(StripeAPI.eventType(payment), payment, &books, now)
    return true
  }

  /// At Stripe what the payer says to the bank is what becomes of the payment, whether or not they
  /// come back.
  func challenge(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64) {
    guard var payment = books.payments[id] else { return }
    payment.challengeAnswer = succeeds ? "approve" : "refuse"
    guard succeeds else {
      _ = refuse(payment, "authentication_failed", &books, now)
      return
    }
    books.put(.payment(payment))
    _ = authenticate(id, succeeds: true, &books, now: now)
  }

  func returnAddress(_ payment: Payment) -> String? {
    guard let answer = payment.challengeAnswer, let address = payment.returnURL else { return nil }
    return Payment.appending(
      [
        ("payment_intent", payment.id),
        ("payment_intent_client_secret", StripeObjects.clientSecret(payment)),
        ("redirect_status", answer == "approve" ? "succeeded" : "failed"),
      ], to: address)
  }

  static func eventType(_ payment: Payment) -> String {
    switch payment.status {
    case .succeeded: "payment_intent.succeeded"
    case .requiresCapture: "payment_intent.amount_capturable_updated"
    case .processing: "payment_intent.processing"
    case .requiresAction: "payment_intent.requires_action"
    case .canceled: "payment_intent.canceled"
    default: "payment_intent.payment_failed"
    }
  }

  func announce(_ type: String, _ payment: Payment, _ books: inout Books, _ now: Int64) {
    announce(type, &books, now) { out in
      if type.hasPrefix("charge.") {
        StripeObjects.writeCharge(payment, "object", to: &out)
      } else {
        StripeObjects.write(payment, "object", to: &out)
      }
    }
  }

  func announce(_ type: String, _ refund: Refund, _ books: inout Books, _ now: Int64) {
    let chargeID = books.payments[refund.paymentID]?.chargeID
    announce(type, &books, now) {
      StripeObjects.write(refund, chargeID: chargeID, "object", to: &$0)
    }
  }

  func announce(
    _ type: String,
    _ books: inout Books,
    _ now: Int64,
    _ object: (inout JSONWriter) -> Void
  ) {
    let id = "evt_" + randomText(24, lettersAndDigits)
    let announces = self.announces && announcedTypes?.contains(type) ?? true
    let body = JSONWriter.document { out in
      out.text("id", id)
      out.text("object", "event")
      out.text("api_version", "2026-10-28.endive")
      out.number("created", now / 1000)
      out.object("data", object)
      out.flag("livemode", false)
      out.number("pending_webhooks", announces ? 1 : 0)
      out.text("type", type)
    }
    books.put(
      .event(
        Event(
          gateway: .stripe,
          id: id,
          type: type,
          createdAt: now,
          body: body,
          isUndelivered: announces
        )
      )
    )
  }
}

extension Response {
  /// 200 with what `write` makes.
  static func object(_ write: (inout JSONWriter) -> Void) -> Response {
    var writer = JSONWriter()
    write(&writer)
    return Response(status: 200, body: writer.bytes)
  }
}

extension Payment {
  /// Where Stripe sends the payer back to: what was said last.
  var returnURL: String? { echoed.last { $0.0 == "return_url" }?.1 }
}
