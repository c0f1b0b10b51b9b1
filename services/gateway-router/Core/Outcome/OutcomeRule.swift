package import Money

/// What was asked for: what an answer is compared with.
package struct SentRequest: Sendable, Hashable {
  package enum Purpose: Sendable, Hashable, CaseIterable {
    case authorize, charge, capture, cancel, refund
    /// Hands over what a payer brought back from their action.
    case details
    /// Reads a payment.
    case look
    /// Reads a refund.
    case lookRefund
    /// Verifies a payment method for later use; no money moves.
    case setup
    /// Reads what came of that.
    case lookSetup
  }
  package var purpose: Purpose
  package var send: Send
  package var amount: Amount
  /// The merchant's account at the gateway; nil where the gateway names none.
  package var account: String?
  /// Our reference of the attempt.
  package var ownReference: String?
  /// The gateway's id of the payment that the request named; nil when it named none.
  package var paymentReference: String?

  package init(
    purpose: Purpose,
    send: Send,
    amount: Amount,
    account: String?,
    ownReference: String?,
    paymentReference: String? = nil
  ) {
    self.purpose = purpose
    self.send = send
    self.amount = amount
    self.account = account
    self.ownReference = ownReference
    self.paymentReference = paymentReference
  }
}

extension SentRequest {
  /// Whether the fate of this request alone is the fate of what it is about: the first send of a
  /// payment, a capture or a refund, or of what a payer brought back. A replay, a look or a cancel that
  /// fails says nothing about it.
  fileprivate var provesByItself: Bool {
    switch purpose {
    case .authorize, .charge, .details, .capture, .refund, .setup: send == .first
    case .cancel, .look, .lookRefund, .lookSetup: false
    }
  }
}

/// From a transfer's facts and the adapter's reading to an outcome. Pure; the only way to one.
package enum OutcomeRule {
  /// - Parameter answer: the adapter's reading of `facts.answer`; nil when there is none to read.
  package static func outcome(
    of facts: TransferFacts,
    _ answer: GatewayAnswer?,
    to request: SentRequest,
    _ classify: (DeclineSignal) -> Decline
  ) -> Outcome {
    // A replay, a look or a cancel that was never sent proves nothing about the payment.
    if request.provesByItself, let proof = Proof(neverSent: facts) { return .notExecuted(proof) }
    guard facts.answer != nil, let answer else { return .unknown(.noAnswer(facts.stage)) }
    guard answer.fits(request.purpose) else { return .unknown(.unreadable) }
    return outcome(answer, to: request, classify)
  }

  /// The same for what a notification says.
  package static func outcome(
    _ answer: GatewayAnswer,
    to request: SentRequest,
    _ classify: (DeclineSignal) -> Decline
  ) -> Outcome {
    if let conflict = Conflict.first(between: answer.echo, and: request) {
      return .unknown(.conflicted(conflict))
    }
    switch answer {
    case .payment(let payment): return outcome(payment, request, classify)
    case .received(let received):
      return .succeeded(
        Settled(kind: .received, reference: received.reference, amount: request.amount)
      )
    case .refund(let refund): return outcome(refund, request)
    case .rejected(let rejection): return outcome(rejection, request)
    case .throttled: return refused(429, request)
    case .unavailable: return refused(503, request)
    case .inFlight: return .unknown(.inFlight)
    case .keyReused: return .unknown(.keyReused)
    case .notFound: return .unknown(.notFound)
    case .indeterminate(let status): return .unknown(.indeterminate(status: status))
    case .foreignError(let status): return .unknown(.foreignError(status: status))
    case .unreadable: return .unknown(.unreadable)
    }
  }

  private static func outcome(
    _ payment: PaymentAnswer,
    _ request: SentRequest,
    _ classify: (DeclineSignal) -> Decline
  ) -> Outcome {
    guard payment.isBound(to: request) else { return .unknown(.unreadable) }
    if case .declined(let signal) = payment.state {
      var decline = classify(signal)
      decline.gatewayReference = payment.echo.reference
      return .declined(decline)
    }
    // The gateway may name a payment only once its payer has acted.
    if case .requiresAction(let action) = payment.state {
      return .pending(Pending(reference: payment.echo.reference, kind: .action(action)))
    }
    // Without the gateway's id nothing can be done with the payment later.
    guard let reference = payment.echo.reference else { return .unknown(.unreadable) }
    switch payment.state {
    case .authorized:
      return .succeeded(Settled(kind: .authorized, reference: reference, amount: request.amount))
    case .captured(let amount?) where request.purpose == .charge && amount != request.amount:
      return .unknown(.conflicted(.amount(asked: request.amount, answered: amount)))
    case .captured(let amount):
      // An unasked capture is for the operation to judge: it knows what the attempt may do.
      return .succeeded(
        Settled(kind: .captured, reference: reference, amount: amount ?? request.amount)
      )
    case .canceled:
      guard request.purpose == .authorize || request.purpose == .charge else {
        return .succeeded(Settled(kind: .canceled, reference: reference, amount: request.amount))
      }
      guard let proof = Proof(fence: payment) else { return .unknown(.unreadable) }
      return .notExecuted(proof)
    case .pending: return .pending(Pending(reference: reference, kind: .bank))
    case .requiresAction, .declined: return .unknown(.unreadable)
    case .unrecognized: return .unknown(.undecided(reference: reference))
    }
  }

  private static func outcome(_ refund: RefundAnswer, _ request: SentRequest) -> Outcome {
    guard let reference = refund.echo.reference else { return .unknown(.unreadable) }
    switch refund.state {
    case .succeeded:
      return .succeeded(Settled(kind: .refunded, reference: reference, amount: request.amount))
    case .pending: return .pending(Pending(reference: reference, kind: .bank))
    case .failed(let code):
      return .declined(Decline(class: .never, code: "refund_failed", gatewayCode: code))
    case .canceled:
      return .declined(Decline(class: .never, code: "refund_canceled", gatewayCode: "canceled"))
    case .unrecognized: return .unknown(.unreadable)
    }
  }

  /// A rejected first send was not executed for this reason; a rejected replay only says that it was
  /// not executed a second time.
  private static func outcome(_ rejection: Rejection, _ request: SentRequest) -> Outcome {
    guard request.provesByItself else { return .unknown(.silent(status: rejection.status)) }
    return .declined(
      Decline(
        class: rejection.kind == .account ? .otherGateway : .never,
        code: rejection.kind == .account ? "gateway_account_refused" : "gateway_rejected_request",
        gatewayCode: rejection.code,
        origin: .request
      )
    )
  }

  private static func refused(_ status: Int, _ request: SentRequest) -> Outcome {
    guard request.provesByItself,
      let proof = Proof(refusedWithStatus: status, send: request.send)
    else { return .unknown(.silent(status: status)) }
    return .notExecuted(proof)
  }
}

extension PaymentAnswer {
  /// What a payer brings back names its payment by itself: that it is this one only our own reference
  /// in the answer says, and of money the amount. A further step of theirs moves nothing.
  fileprivate func isBound(to request: SentRequest) -> Bool {
    guard request.purpose == .details else { return true }
    switch state {
    case .requiresAction: return true
    case .authorized, .captured: return echo.ownReference != nil && echo.amount != nil
    case .canceled, .pending, .declined, .unrecognized: return echo.ownReference != nil
    }
  }
}

extension GatewayAnswer {
  /// An answer about another kind of thing than was asked for is none.
  fileprivate func fits(_ purpose: SentRequest.Purpose) -> Bool {
    switch self {
    case .payment: purpose != .refund && purpose != .lookRefund
    case .refund: purpose == .refund || purpose == .lookRefund
    case .received: purpose == .capture || purpose == .cancel || purpose == .refund
    default: true
    }
  }

  /// What was echoed, whatever the kind of answer.
  package var echo: Echo? {
    switch self {
    case .payment(let answer): answer.echo
    case .received(let answer): answer.echo
    case .refund(let answer): answer.echo
    default: nil
    }
  }
}

extension Conflict {
  /// The first echoed value that differs from the request: reference, account, payment, amount.
  package static func first(between echo: Echo?, and request: SentRequest) -> Conflict? {
    guard let echo else { return nil }
    if let asked = request.ownReference, let answered = echo.ownReference, asked != answered {
      return .reference(asked: asked, answered: answered)
    }
    if let asked = request.account, let answered = echo.account, asked != answered {
      return .account(asked: asked, answered: answered)
    }
    if let asked = request.paymentReference, let answered = echo.paymentReference, asked != answered
    {
      return .reference(asked: asked, answered: answered)
    }
    if let answered = echo.amount, answered != request.amount {
      return .amount(asked: request.amount, answered: answered)
    }
    return nil
  }
}
