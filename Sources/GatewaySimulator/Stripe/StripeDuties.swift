import InboundHTTP

/// What happens at Stripe by itself: banks answer, holds end, refunds come back, payers dispute.
extension StripeAPI {
  func perform(_ duty: Duty, _ books: inout Books, now: Int64) {
    switch duty {
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
      }
      books.put(.refund(refund))
      announce(refund.endsAs == "failed" ? "refund.failed" : "refund.updated", refund, &books, now)
    case .dispute(let id):
      guard let dispute = books.disputes[id], let due = dispute.due, due <= now else { return }
      win(dispute, &books, now)
    case .modification: break
    }
  }

  private func settle(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    if payment.status == .requiresCapture {
      _ = canceled(payment, reason: "automatic", &books, now)
      return
    }
    if payment.status == .succeeded { return dispute(payment, &books, now) }
    guard payment.status == .processing, let method = payment.method.flatMap(TestMethods.stripe)
    else { return }
    switch method.behaviour {
    case .bank(pays: false, _), .sepaDebit(.failed):
      _ = refuse(payment, "bank_refused", &books, now)
      return
    default: break
    }
    var payment = payment
    approve(&payment, now)
    books.put(.payment(payment))
    announce(StripeAPI.eventType(payment), payment, &books, now)
  }

  private func dispute(_ payment: Payment, _ books: inout Books, _ now: Int64) {
    let opened = books.openDispute(
      of: payment, id: "du_" + randomText(24, lettersAndDigits), now: now,
      reversalDelay: tuning.lateFailure)
    guard let (_, dispute) = opened else { return }
    announce("charge.dispute.created", dispute, &books, now)
    announce("charge.dispute.funds_withdrawn", dispute, &books, now)
    if dispute.isReturn { announce("charge.dispute.closed", dispute, &books, now) }
  }

  private func win(_ dispute: Dispute, _ books: inout Books, _ now: Int64) {
    var dispute = dispute
    dispute.status = "won"
    dispute.due = nil
    if var payment = books.payments[dispute.paymentID] {
      payment.disputed -= dispute.amount
      books.put(.payment(payment))
    }
    books.put(.dispute(dispute))
    announce("charge.dispute.closed", dispute, &books, now)
    announce("charge.dispute.funds_reinstated", dispute, &books, now)
  }

  private func announce(
    _ type: String,
    _ dispute: Dispute,
    _ books: inout Books,
    _ now: Int64
  ) {
    let payment = books.payments[dispute.paymentID]
    announce(type, &books, now) { StripeObjects.write(dispute, of: payment, "object", to: &$0) }
  }
}
