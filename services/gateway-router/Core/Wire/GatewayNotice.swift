package import Money

/// One item of an inbound webhook, verified and read.
package struct GatewayNotice: Sendable, Hashable {
  package enum Event: Sendable, Hashable {
    /// The state of a payment.
    case payment(PaymentAnswer.State)
    /// A capture was refused, or failed after it had been reported done.
    case captureFailed(code: String)
    case cancelFailed(code: String)
    case refund(RefundAnswer.State)
    /// A refund that had succeeded came back.
    case refundReversed(code: String)
    /// The gateway's own word for the step of a dispute.
    case dispute(String)
    /// The payer's bank has returned a direct debit that was paid; by the gateway's id of the
    /// movement, with the scheme's or the gateway's reason. The echo holds the amount.
    case returned(movement: String, code: String)
    case reportAvailable(url: String)
    /// Nothing this version acts on; stored all the same.
    case unrecognized(String)
  }

  package var gateway: GatewayName
  /// Equal for repetitions of one event, different otherwise.
  package var deduplicationKey: String
  package var isLive: Bool
  package var occurredAt: Timestamp?
  /// The gateway's id of the payment.
  package var paymentReference: String?
  /// The gateway's id of the modification (capture, cancel, refund), if the notice is about one.
  package var modificationReference: String?
  /// Account, amount and our reference as the gateway has them.
  package var echo: Echo
  package var event: Event

  package init(
    gateway: GatewayName,
    deduplicationKey: String,
    isLive: Bool,
    occurredAt: Timestamp?,
    paymentReference: String?,
    modificationReference: String?,
    echo: Echo,
    event: Event
  ) {
    self.gateway = gateway
    self.deduplicationKey = deduplicationKey
    self.isLive = isLive
    self.occurredAt = occurredAt
    self.paymentReference = paymentReference
    self.modificationReference = modificationReference
    self.echo = echo
    self.event = event
  }

  /// What the notice says of a payment or refund, to be judged like the answer to a look
  /// (`OutcomeRule`); nil for other events. A failed capture is `captureFailure`.
  package var answer: GatewayAnswer? {
    var echo = echo
    // A notice about a modification may carry the modification's reference: no conflict.
    if let own = ownReference, own.kind != .authorize { echo.ownReference = nil }
    return switch event {
    case .payment(let state): .payment(PaymentAnswer(echo: echo, state: state))
    case .refund(let state): .refund(RefundAnswer(echo: echo, state: state))
    case .refundReversed(let code):
      .refund(RefundAnswer(echo: echo, state: .failed(code: code)))
    case .captureFailed, .cancelFailed, .dispute, .returned, .reportAvailable, .unrecognized: nil
    }
  }

  /// Our reference, if it is one: of the payment, or of the modification the notice is about. The
  /// amount of a notice is that of the same thing.
  package var ownReference: GatewayReference? {
    echo.ownReference.flatMap { GatewayReference($0) }
  }

  /// The final no to a capture, as an outcome of that capture.
  package var captureFailure: Outcome? {
    guard case .captureFailed(let code) = event else { return nil }
    return .declined(Decline(class: .never, code: "capture_failed", gatewayCode: code))
  }
}

/// Why an inbound webhook is refused, in order of checking.
package enum NoticeError: Error, Sendable, Hashable {
  case tooLarge
  case signatureMissing
  case signatureMalformed
  case timestampOutsideTolerance
  case signatureWrong
  /// Signed, but not readable.
  case unreadable
}
