package import Money

/// A gateway's answer in the platform's words, as an adapter reads it. Says what the gateway said, not
/// yet what it means: that also depends on the request (`OutcomeRule`).
package enum GatewayAnswer: Sendable, Hashable {
  /// The state of a payment.
  case payment(PaymentAnswer)
  /// Adyen's answer to every modification: accepted, the result comes by notification.
  case received(ReceivedAnswer)
  /// A refund's state.
  case refund(RefundAnswer)
  /// The gateway refused the request itself, in its own words: data, account or permission.
  case rejected(Rejection)
  /// 429 with the gateway's own error body.
  case throttled
  /// 503 with the gateway's own error body.
  case unavailable
  case inFlight
  case keyReused
  case notFound
  /// An error that leaves the effect open, with the gateway's body.
  case indeterminate(status: Int)
  /// An error page of something in front of the gateway.
  case foreignError(status: Int)
  case unreadable
}

/// What the gateway echoed; nil where it says nothing.
package struct Echo: Sendable, Hashable {
  /// The gateway's id of the object.
  package var reference: String?
  /// The gateway's id of the payment that the object belongs to; of a payment its own.
  package var paymentReference: String?
  package var amount: Amount?
  /// The merchant's account.
  package var account: String?
  /// Our reference.
  package var ownReference: String?

  package init(
    reference: String? = nil,
    paymentReference: String? = nil,
    amount: Amount? = nil,
    account: String? = nil,
    ownReference: String? = nil
  ) {
    self.reference = reference
    self.paymentReference = paymentReference
    self.amount = amount
    self.account = account
    self.ownReference = ownReference
  }
}

package struct PaymentAnswer: Sendable, Hashable {
  package enum State: Sendable, Hashable {
    case authorized
    /// nil: the whole amount.
    case captured(Amount?)
    case pending
    case requiresAction(PayerAction)
    case declined(DeclineSignal)
    case canceled
    /// A state this version does not know.
    case unrecognized
  }
  package var echo: Echo
  package var state: State

  package init(echo: Echo, state: State) {
    self.echo = echo
    self.state = state
  }
}

package struct ReceivedAnswer: Sendable, Hashable {
  /// The gateway's id of the modification.
  package var reference: String
  /// The payment it changes, if the answer says so.
  package var paymentReference: String?
  package var echo: Echo

  package init(reference: String, paymentReference: String?, echo: Echo) {
    self.reference = reference
    self.paymentReference = paymentReference
    self.echo = echo
  }
}

package struct RefundAnswer: Sendable, Hashable {
  package enum State: Sendable, Hashable {
    case pending, succeeded, canceled, unrecognized
    case failed(code: String)
  }
  package var echo: Echo
  package var state: State

  package init(echo: Echo, state: State) {
    self.echo = echo
    self.state = state
  }
}

/// A refusal of the request itself.
package struct Rejection: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// Our key or permission at this gateway: another gateway may do it.
    case account
    /// The request as such (a field, the state of the object).
    case request
  }
  package var kind: Kind
  package var status: Int
  /// The gateway's code.
  package var code: String

  package init(kind: Kind, status: Int, code: String) {
    self.kind = kind
    self.status = status
    self.code = code
  }
}
