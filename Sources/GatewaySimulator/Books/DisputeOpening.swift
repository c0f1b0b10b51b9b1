extension Books {
  /// The payer's bank takes back what is left of the captured money, as the payment's fate has it. A
  /// returned direct debit is a dispute that is lost from its first moment.
  /// - Parameters:
  ///   - id: the gateway's for the dispute, if one opens.
  ///   - reversalDelay: until a dispute that the bank reverses is won, milliseconds.
  /// - Returns: nil when nothing is left to take back.
  mutating func openDispute(
    of payment: Payment, id: @autoclosure () -> String, now: Int64, reversalDelay: Int64
  ) -> (payment: Payment, dispute: Dispute)? {
    var payment = payment
    let fate = payment.dueAction
    payment.due = nil
    payment.dueAction = nil
    let amount = payment.captured - payment.refunded - payment.disputed
    guard let fate, amount > 0 else {
      put(.payment(payment))
      return nil
    }
    payment.disputed += amount
    let isReturn = fate == .sepaReturn
    let dispute = Dispute(
      gateway: payment.gateway,
      id: id(),
      paymentID: payment.id,
      amount: amount,
      currency: payment.currency,
      reason: isReturn ? "debit_not_authorized" : "fraudulent",
      isReturn: isReturn,
      status: isReturn ? "lost" : "needs_response",
      createdAt: now,
      due: fate == .chargeBackReversed ? now + reversalDelay : nil
    )
    put(.payment(payment))
    put(.dispute(dispute))
    return (payment, dispute)
  }
}
