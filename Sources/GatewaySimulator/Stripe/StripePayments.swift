import InboundHTTP

/// PaymentIntents: create, confirm, capture, cancel.
extension StripeAPI {
  func create(
    _ call: Call, isUndecided: Bool, _ books: inout Books, _ now: Int64
  ) -> Outcome {
    let form = call.form
    if let error = checked(form) { return error.unstored }
    guard let amount = form["amount"].flatMap({ Int64($0) }), let currency = form["currency"] else {
      return StripeError.missing("amount").unstored
    }
    var payment = Payment(
      gateway: .stripe,
      id: "pi_" + randomText(24, lettersAndDigits),
      status: .requiresPaymentMethod,
      amount: amount,
      currency: currency.uppercased(),
      createdAt: now
    )
    payment.method = form["payment_method"]
    if payment.method != nil { payment.status = .requiresConfirmation }
    payment.capturesManually = form["capture_method"] == "manual"
    payment.metadata = form.pairs("metadata")
    payment.reference = StripeAPI.reference(call)
    payment.idempotencyKey = call.idempotencyKey
    payment.fate = call.fate
    payment.echoed = StripeParameters.echoed.compactMap { name in form[name].map { (name, $0) } }
    if let error = methodMisfit(payment, form) { return error.unstored }
    announce("payment_intent.created", payment, &books, now)
    guard form["confirm"] == "true", !isUndecided else {
      books.put(.payment(payment))
      return Outcome(response: StripeObjects.response(payment), isStored: true)
    }
    return charge(payment, form, host: call.host, &books, now)
  }

  /// The checks that need nothing but the parameters, in Stripe's order.
  private func checked(_ form: Form) -> StripeError? {
    if let unknown = StripeParameters.firstUnknown(form, StripeParameters.create) {
      return .unknownParameter(unknown)
    }
    guard let amountText = form["amount"] else { return .missing("amount") }
    guard let amount = Int64(amountText) else {
      return .invalidInteger("amount", "Invalid integer: \(amountText)")
    }
    guard amount >= 1 else {
      return .invalidInteger("amount", "This value must be greater than or equal to 1.")
    }
    guard let currency = form["currency"] else { return .missing("currency") }
    guard StripeParameters.currencies.contains(currency.uppercased()) else {
      return StripeError(message: "Invalid currency: \(currency).", parameter: "currency")
    }
    if amount > StripeParameters.amountMax {
      return StripeError(
        code: "amount_too_large",
        message: "Amount must be no more than 99999999.",
        parameter: "amount"
      )
    }
    if amount < StripeParameters.amountMin[currency.uppercased()] ?? 1 {
      return StripeError(
        code: "amount_too_small",
        message: "Amount is below the minimum for \(currency).",
        parameter: "amount"
      )
    }
    guard
      ["automatic", "automatic_async", "manual"].contains(form["capture_method"] ?? "automatic")
    else {
      return StripeError(message: "Invalid capture_method.", parameter: "capture_method")
    }
    if form["confirm"] == "true", form["payment_method"] == nil {
      return StripeError(
        code: "payment_intent_unexpected_state",
        message: "You cannot confirm this PaymentIntent because it's missing a payment method."
      )
    }
    return nil
  }

  /// Whether the intent's method exists here and can do what is asked.
  private func methodMisfit(_ payment: Payment, _ form: Form) -> StripeError? {
    guard let id = payment.method else { return nil }
    guard let method = TestMethods.stripe(id) else {
      return .noSuch("PaymentMethod", id, parameter: "payment_method", status: 400)
    }
    let types = form.values("payment_method_types")
    let type = method.isBank ? "sepa_debit" : "card"
    if !types.isEmpty, !types.contains(type) {
      return StripeError(
        message: "The PaymentMethod provided (\(type)) is not allowed for this PaymentIntent.",
        parameter: "payment_method"
      )
    }
    if method.isBank, payment.currency != "EUR" {
      return StripeError(message: "sepa_debit takes eur only.", parameter: "currency")
    }
    if method.isBank, payment.capturesManually {
      return StripeError(
        message: "sepa_debit does not support manual capture.",
        parameter: "capture_method"
      )
    }
    return nil
  }

  func confirm(
    _ payment: Payment,
    _ call: Call,
    _ books: inout Books,
    _ now: Int64
  ) -> Outcome {
    if let unknown = StripeParameters.firstUnknown(call.form, StripeParameters.confirm) {
      return StripeError.unknownParameter(unknown).unstored
    }
    var payment = payment
    switch payment.status {
    case .requiresConfirmation, .requiresAction: break
    case .requiresPaymentMethod where call.form["payment_method"] != nil: break
    case .requiresPaymentMethod:
      return StripeError.unexpectedState(
        payment,
        "You cannot confirm this PaymentIntent because it's missing a payment method."
      ).stored
    default:
      return StripeError.unexpectedState(
        payment,
        "You cannot confirm this PaymentIntent because it has a status of "
          + "\(payment.status.rawValue)."
      ).stored
    }
    if let method = call.form["payment_method"] { payment.method = method }
    if let address = call.form["return_url"] { payment.echoed.append(("return_url", address)) }
    if let capture = call.form["capture_method"] { payment.capturesManually = capture == "manual" }
    if let error = methodMisfit(payment, call.form) { return error.unstored }
    return charge(payment, call.form, host: call.host, &books, now)
  }

  /// Asks the method for the money.
  func charge(
    _ payment: Payment,
    _ form: Form,
    host: String,
    _ books: inout Books,
    _ now: Int64
  ) -> Outcome {
    var payment = payment
    payment.challengeAnswer = nil
    payment.tries += 1
    payment.chargeID = "ch_" + randomText(24, lettersAndDigits)
    payment.refusal = nil
    guard let method = payment.method.flatMap(TestMethods.stripe) else {
      return StripeError.missing("payment_method").unstored
    }
    switch method.behaviour {
    case .refuses(let name): return refuse(payment, name, &books, now)
    case .authenticates:
      let isAbsent = form["off_session"].map { $0 != "false" } ?? false
      if isAbsent || form["error_on_requires_action"] == "true" {
        return refuse(payment, "authentication_required", &books, now)
      }
      payment.status = .requiresAction
      payment.chargeID = nil
      if payment.returnURL != nil { payment.challenge = ChallengePage.address(host: host) }
    case .bank(_, let slow):
      payment.status = .processing
      payment.due = now + (slow ? tuning.lateFailure : tuning.bank)
    case .sepaDebit:
      payment.status = .processing
      payment.due = now + tuning.sepa
    case .approves, .refunds, .captureFailsLate, .disputed: approve(&payment, now)
    }
    books.put(.payment(payment))
    announce(StripeAPI.eventType(payment), payment, &books, now)
    let expands = form.values("expand").contains("latest_charge")
    return Outcome(
      response: StripeObjects.response(payment, expandsCharge: expands),
      isStored: true
    )
  }

  func approve(_ payment: inout Payment, _ now: Int64) {
    payment.authorized = payment.amount
    payment.due = nil
    if payment.capturesManually {
      payment.status = .requiresCapture
      payment.due = now + StripeAPI.holdMilliseconds
    } else {
      take(&payment, payment.amount, now)
    }
  }

  /// The money is taken; what becomes of it later is decided now.
  private func take(_ payment: inout Payment, _ amount: Int64, _ now: Int64) {
    payment.captured = amount
    payment.status = .succeeded
    payment.due = nil
    payment.dueAction = nil
    let fate = payment.fate ?? payment.method.flatMap(TestMethods.stripe)?.fate
    guard let fate else { return }
    payment.dueAction = fate
    payment.due = now + tuning.withLock { $0.milliseconds(until: fate) }
  }

  func refuse(
    _ payment: Payment,
    _ name: String,
    _ books: inout Books,
    _ now: Int64
  ) -> Outcome {
    var payment = payment
    payment.status = .requiresPaymentMethod
    payment.refusal = name
    payment.due = nil
    books.put(.payment(payment))
    announce("payment_intent.payment_failed", payment, &books, now)
    return StripeError.declined(payment, TestMethods.refusal(name)).stored
  }

  func capture(
    _ payment: Payment,
    _ call: Call,
    _ books: inout Books,
    _ now: Int64
  ) -> Outcome {
    if let unknown = StripeParameters.firstUnknown(call.form, StripeParameters.capture) {
      return StripeError.unknownParameter(unknown).unstored
    }
    guard payment.status == .requiresCapture else {
      return StripeError.unexpectedState(
        payment,
        "This PaymentIntent could not be captured because it has a status of "
          + "\(payment.status.rawValue). Only a PaymentIntent with one of the following statuses "
          + "may be captured: requires_capture."
      ).stored
    }
    var amount = payment.authorized
    if let text = call.form["amount_to_capture"] {
      guard let number = Int64(text), number >= 1 else {
        return StripeError.invalidInteger("amount_to_capture", "Invalid integer: \(text)").unstored
      }
      amount = number
    }
    guard amount <= payment.authorized else {
      return StripeError(
        code: "amount_too_large",
        message: "The amount_to_capture is larger than the amount that can be captured.",
        parameter: "amount_to_capture",
        payment: payment
      ).stored
    }
    var payment = payment
    payment.fate = call.fate ?? payment.fate
    take(&payment, amount, now)
    books.put(.payment(payment))
    announce("payment_intent.succeeded", payment, &books, now)
    let expands = call.form.values("expand").contains("latest_charge")
    return Outcome(
      response: StripeObjects.response(payment, expandsCharge: expands),
      isStored: true
    )
  }

  func cancel(
    _ payment: Payment,
    _ call: Call,
    _ books: inout Books,
    _ now: Int64
  ) -> Outcome {
    if let unknown = StripeParameters.firstUnknown(call.form, StripeParameters.cancel) {
      return StripeError.unknownParameter(unknown).unstored
    }
    let reason = call.form["cancellation_reason"]
    if let reason, !StripeParameters.cancellationReasons.contains(reason) {
      return StripeError(
        message: "Invalid cancellation_reason: \(reason).",
        parameter: "cancellation_reason"
      ).unstored
    }
    switch payment.status {
    case .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture: break
    default:
      return StripeError.unexpectedState(
        payment,
        "You cannot cancel this PaymentIntent because it has a status of "
          + "\(payment.status.rawValue)."
      ).stored
    }
    let canceled = canceled(payment, reason: reason, &books, now)
    return Outcome(response: StripeObjects.response(canceled), isStored: true)
  }

  func canceled(
    _ payment: Payment,
    reason: String?,
    _ books: inout Books,
    _ now: Int64
  ) -> Payment {
    var payment = payment
    payment.status = .canceled
    payment.cancellationReason = reason
    payment.canceledAt = now
    payment.due = nil
    books.put(.payment(payment))
    announce("payment_intent.canceled", payment, &books, now)
    return payment
  }
}
