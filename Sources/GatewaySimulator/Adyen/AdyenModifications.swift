import InboundHTTP

/// Captures, cancels, refunds, reversals: acknowledged now, done later, told by notification.
extension AdyenAPI {
  func modify(_ call: Call, fault: Fault?, _ books: inout Books, _ now: Int64) -> Outcome {
    let json = call.json
    func invalid(_ code: String, _ message: String) -> Outcome {
      AdyenError(code: code, message: message, type: "validation").unstored
    }
    guard let kind = AdyenAPI.kind(call.operation) else { return invalid("000", "Not Found") }
    let target = kind == .technicalCancel ? json["paymentReference"]?.text : call.target
    guard let target, !target.isEmpty else { return invalid("130", "Reference Missing") }
    if kind != .technicalCancel, books.payments[target]?.gateway != .adyen {
      return invalid("167", "Original pspReference required for this operation")
    }
    if kind == .capture || kind == .refund {
      guard let amount = json["amount"]?["value"]?.int, amount > 0,
        let currency = json["amount"]?["currency"]?.text
      else { return invalid("100", "No amount specified") }
      guard currency == books.payments[target]?.currency else {
        return invalid("139", "Currency differs from the payment's")
      }
    }
    var modification = Modification(
      id: AdyenAPI.newPSPReference(),
      kind: kind,
      target: target,
      amount: json["amount"]?["value"]?.int,
      currency: json["amount"]?["currency"]?.text,
      createdAt: now
    )
    modification.reference = json["reference"]?.text ?? ""
    modification.idempotencyKey = call.idempotencyKey
    if let fault, fault.touchesModification || fault.touchesWebhooks || fault.fate != nil {
      modification.fault = fault.rawValue
    }
    if fault == .webhookFirst {
      finish(modification, &books, now)
    } else {
      if fault != .modificationLost { modification.due = now + tuning.modification }
      books.put(.modification(modification))
    }
    return Outcome(response: received(modification), isStored: true)
  }

  private static func kind(_ operation: Operation) -> Modification.Kind? {
    switch operation {
    case .capture: .capture
    case .cancel: .cancel
    case .refund: .refund
    case .reversal: .reversal
    case .technicalCancel: .technicalCancel
    default: nil
    }
  }

  private func received(_ modification: Modification) -> Response {
    .json(201) { out in
      out.text("merchantAccount", merchantAccount)
      if modification.kind == .technicalCancel {
        out.text("paymentReference", modification.target)
      } else {
        out.text("paymentPspReference", modification.target)
      }
      out.text("pspReference", modification.id)
      if !modification.reference.isEmpty { out.text("reference", modification.reference) }
      out.text("status", "received")
      if let amount = modification.amount, let currency = modification.currency {
        out.object("amount") { writer in
          writer.text("currency", currency)
          writer.number("value", amount)
        }
      }
    }
  }

  func finish(_ modification: Modification, _ books: inout Books, _ now: Int64) {
    var modification = modification
    modification.due = nil
    let refusal =
      modification.fault == Fault.modificationFails.rawValue
      ? "Modification failed" : apply(modification, &books, now)
    modification.status = refusal == nil ? "done" : "failed"
    modification.reason = refusal
    books.put(.modification(modification))
    let payment = subjects(modification, books).first
    var item = NotificationItem(
      pspReference: modification.id,
      originalReference: modification.kind == .technicalCancel
        ? payment?.id ?? "" : modification.target,
      merchantAccount: merchantAccount,
      merchantReference: modification.reference.isEmpty
        ? payment?.reference ?? modification.target : modification.reference,
      amount: modification.amount ?? payment?.amount ?? 0,
      currency: modification.currency ?? payment?.currency ?? "",
      eventCode: AdyenAPI.eventCode(modification.kind),
      succeeds: refusal == nil,
      atMilliseconds: now
    )
    item.reason = refusal ?? ""
    item.paymentMethod = payment?.method.flatMap(TestMethods.adyen)?.brand ?? ""
    if modification.kind == .reversal, refusal == nil {
      item.action = payment?.status == .canceled ? "cancel" : "refund"
    }
    let treatment = modification.fault.flatMap(Fault.init)
    announce(
      item, treatment: treatment?.touchesWebhooks == true ? treatment : nil, &books, now)
  }

  private func subjects(_ modification: Modification, _ books: Books) -> [Payment] {
    modification.kind == .technicalCancel
      ? (books.paymentsOfReference[modification.target] ?? []).compactMap { books.payments[$0] }
        .filter { $0.gateway == .adyen }
      : books.payments[modification.target].map { [$0] } ?? []
  }

  /// Does it. Returns why not, or nil.
  private func apply(
    _ modification: Modification,
    _ books: inout Books,
    _ now: Int64
  ) -> String? {
    let payments = subjects(modification, books)
    guard var payment = payments.first else { return "Transaction not found" }
    let failsLate = modification.fault == Fault.modificationFailsLate.rawValue
    switch modification.kind {
    case .capture:
      let amount = modification.amount ?? payment.authorized
      guard payment.status == .requiresCapture else { return "Transaction is not authorised" }
      guard amount <= payment.authorized else { return "Insufficient balance on payment" }
      payment.fate = modification.fault.flatMap(Fault.init)?.fate ?? payment.fate
      take(&payment, amount, failsLate: failsLate, now)
      books.put(.payment(payment))
    case .cancel:
      guard payment.isCancelable else { return "Transaction cannot be cancelled" }
      cancel(payment, &books, now)
    case .technicalCancel:
      let open = payments.filter(\.isCancelable)
      guard !open.isEmpty else { return "Transaction cannot be cancelled" }
      for payment in open { cancel(payment, &books, now) }
    case .refund: return refund(payment, modification.amount ?? 0, modification, &books, now)
    case .reversal:
      guard payment.isCancelable else {
        let rest = payment.captured - payment.refunded - payment.disputed
        return refund(payment, rest, modification, &books, now)
      }
      cancel(payment, &books, now)
    }
    return nil
  }

  private func cancel(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    var payment = payment
    payment.status = .canceled
    payment.canceledAt = now
    payment.due = nil
    payment.dueAction = nil
    books.put(.payment(payment))
  }

  private func refund(
    _ payment: Payment,
    _ amount: Int64,
    _ modification: Modification,
    _ books: inout Books,
    _ now: Int64
  ) -> String? {
    guard amount > 0, amount <= payment.captured - payment.refunded - payment.disputed
    else {
      return "Insufficient balance on payment"
    }
    var payment = payment
    payment.refunded += amount
    // What is refunded no longer fails as a capture.
    if payment.dueAction == .failCapture {
      payment.due = nil
      payment.dueAction = nil
    }
    var refund = Refund(
      gateway: .adyen,
      id: modification.id,
      paymentID: payment.id,
      amount: amount,
      currency: payment.currency,
      status: "succeeded",
      createdAt: now
    )
    refund.reference = modification.reference
    refund.idempotencyKey = modification.idempotencyKey
    var endsAs: String? =
      modification.fault == Fault.modificationFailsLate.rawValue ? "failed" : nil
    if case .refunds(endAs: "failed", _)? = payment.method.flatMap(TestMethods.adyen)?.behaviour {
      endsAs = "failed"
    }
    if let endsAs {
      refund.endsAs = endsAs
      refund.due = now + tuning.lateFailure
    }
    books.put(.payment(payment))
    books.put(.refund(refund))
    return nil
  }

  private static func eventCode(_ kind: Modification.Kind) -> String {
    switch kind {
    case .capture: "CAPTURE"
    case .cancel: "CANCELLATION"
    case .refund: "REFUND"
    case .reversal: "CANCEL_OR_REFUND"
    case .technicalCancel: "TECHNICAL_CANCEL"
    }
  }

  func announceAuthorisation(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    let refusal = payment.refusal.map(TestMethods.refusal)
    var item = NotificationItem(
      pspReference: payment.id,
      merchantAccount: merchantAccount,
      merchantReference: payment.reference,
      amount: payment.amount,
      currency: payment.currency,
      eventCode: "AUTHORISATION",
      succeeds: refusal == nil,
      atMilliseconds: now
    )
    item.reason = refusal?.adyenReason ?? ""
    item.paymentMethod = payment.method.flatMap(TestMethods.adyen)?.brand ?? ""
    announce(item, &books, now)
  }

  func announce(
    _ code: String,
    of payment: Payment,
    _ id: String,
    _ reference: String,
    _ amount: Int64,
    _ books: inout Books,
    _ now: Int64
  ) {
    announce(
      NotificationItem(
        pspReference: id,
        originalReference: payment.id,
        merchantAccount: merchantAccount,
        merchantReference: reference.isEmpty ? payment.reference : reference,
        amount: amount,
        currency: payment.currency,
        eventCode: code,
        succeeds: true,
        atMilliseconds: now
      ),
      &books,
      now
    )
  }

  func announce(
    _ item: NotificationItem, treatment: Fault? = nil, _ books: inout Books, _ now: Int64
  ) {
    books.put(
      .event(
        Event(
          gateway: .adyen,
          id: item.eventCode + item.pspReference,
          type: item.eventCode,
          createdAt: now,
          body: item.message(key: signingKey),
          isUndelivered: announces,
          treatment: treatment
        )
      )
    )
  }
}

extension Payment {
  /// Authorised and not captured; while its payer is asked there is nothing to cancel.
  fileprivate var isCancelable: Bool { status == .requiresCapture }
}
