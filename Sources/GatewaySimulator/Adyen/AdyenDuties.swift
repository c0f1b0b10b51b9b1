import InboundHTTP

/// What happens at Adyen by itself: modifications are done, banks answer, payers charge back.
extension AdyenAPI {
  func perform(_ duty: Duty, _ books: inout Books, now: Int64) {
    switch duty {
    case .modification(let id):
      guard let modification = books.modifications[id], let due = modification.due, due <= now
      else { return }
      finish(modification, &books, now)
    case .dispute(let id):
      guard let dispute = books.disputes[id], let due = dispute.due, due <= now else { return }
      reverse(dispute, &books, now)
    case .payment(let id):
      guard let payment = books.payments[id], let due = payment.due, due <= now else { return }
      settle(payment, &books, now)
    case .refund(let id):
      guard var refund = books.refunds[id], let due = refund.due, due <= now else { return }
      refund.due = nil
      refund.status = refund.endsAs
      if refund.endsAs == "failed", var payment = books.payments[refund.paymentID] {
        payment.refunded -= refund.amount
        books.put(.payment(payment))
        announce(
          "REFUND_FAILED",
          of: payment,
          refund.id,
          refund.reference,
          refund.amount,
          &books,
          now
        )
      }
      books.put(.refund(refund))
    }
  }

  private func settle(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    var payment = payment
    switch (payment.dueAction, payment.status) {
    case (.failCapture, _):
      payment.due = nil
      payment.dueAction = nil
      payment.captured = 0
      payment.status = .requiresCapture
      books.put(.payment(payment))
      let capture = books.modificationOrder.last { id in
        books.modifications[id]?.kind == .capture && books.modifications[id]?.target == payment.id
      }.flatMap { books.modifications[$0] }
      announce(
        "CAPTURE_FAILED",
        of: payment,
        capture?.id ?? payment.id,
        capture?.reference ?? "",
        capture?.amount ?? payment.amount,
        &books,
        now
      )
    case (.chargeBack, _), (.chargeBackReversed, _), (.sepaReturn, _):
      chargeBack(payment, &books, now)
    case (_, .processing):
      switch payment.method.flatMap(TestMethods.adyen)?.behaviour {
      case .bank(pays: true, _), .sepaDebit(.paid), .sepaDebit(.returned): approve(&payment, now)
      default:
        payment.status = .refused
        payment.refusal = "bank_refused"
        payment.due = nil
      }
      books.put(.payment(payment))
      announceAuthorisation(payment, &books, now)
    case (.capture, .requiresCapture):
      take(&payment, payment.authorized, failsLate: false, now)
      books.put(.payment(payment))
      announce(
        "CAPTURE",
        of: payment,
        AdyenAPI.newPSPReference(),
        "",
        payment.captured,
        &books,
        now
      )
    default:
      payment.due = nil
      books.put(.payment(payment))
    }
  }

  private func chargeBack(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    let opened = books.openDispute(
      of: payment, id: AdyenAPI.newPSPReference(), now: now, reversalDelay: tuning.lateFailure)
    guard let (payment, dispute) = opened else { return }
    if !dispute.isReturn {
      announce("NOTIFICATION_OF_CHARGEBACK", dispute, payment, &books, now)
    }
    announce("CHARGEBACK", dispute, payment, &books, now)
  }

  private func reverse(_ dispute: Dispute, _ books: inout Books, _ now: Int64) {
    var dispute = dispute
    dispute.status = "won"
    dispute.due = nil
    books.put(.dispute(dispute))
    guard var payment = books.payments[dispute.paymentID] else { return }
    payment.disputed -= dispute.amount
    books.put(.payment(payment))
    announce("CHARGEBACK_REVERSED", dispute, payment, &books, now)
  }

  /// MD06 is the SEPA scheme's code for a refund that the payer asked their bank for; 10.4 Visa's
  /// for fraud without the card present.
  private func announce(
    _ code: String,
    _ dispute: Dispute,
    _ payment: Payment,
    _ books: inout Books,
    _ now: Int64
  ) {
    var item = NotificationItem(
      pspReference: dispute.id,
      originalReference: payment.id,
      merchantAccount: merchantAccount,
      merchantReference: payment.reference,
      amount: dispute.amount,
      currency: dispute.currency,
      eventCode: code,
      succeeds: true,
      atMilliseconds: now
    )
    item.reason =
      dispute.isReturn ? "MD06:Refund request by end customer" : "Other Fraud-Card Absent"
    item.paymentMethod = dispute.isReturn ? "sepadirectdebit" : "visa"
    item.additional = [
      ("chargebackReasonCode", dispute.isReturn ? "MD06" : "10.4"),
      ("chargebackSchemeCode", dispute.isReturn ? "sepadirectdebit" : "visa"),
      ("disputeStatus", dispute.status == "won" ? "Won" : dispute.isReturn ? "Lost" : "Undefended"),
    ]
    announce(item, &books, now)
  }
}
