/// What gateway-router has found out about a refund. Raw values are those of the contract.
package enum RefundFact: Sendable, Hashable {
  /// The gateway has accepted it.
  case pending
  case refunded
  case failed(RefundFailure)
}

/// What a refund's step means for others; each becomes an outbox row in the same transaction.
package enum RefundNotice: Sendable, Hashable {
  /// An event of this type for the merchant's webhooks.
  case event(String)
  /// Money has left: book it.
  case bookRefund
  /// Money that had left is back: book it as a movement of its own, never as an edit.
  case bookReturn
  /// People must look.
  case alert(kind: String)
}

/// The life of a refund as data: state × fact → state and notices. Facts are never refused.
package enum RefundMachine {
  package struct Step: Sendable, Hashable {
    package var state: RefundState
    package var notices: [RefundNotice]
  }

  /// nil when the fact changes nothing.
  package static func next(_ state: RefundState, _ fact: RefundFact) -> Step? {
    switch (state, fact) {
    case (.pending(.outcomeUnknown), .pending):
      Step(state: .pending(.gatewayPending), notices: [.event("refund.updated")])
    case (.pending, .refunded):
      Step(state: .succeeded, notices: [.event("refund.succeeded"), .bookRefund])
    case (.pending, .failed(let failure)):
      Step(state: .failed(failure), notices: [.event("refund.failed")])
    case (.succeeded, .failed(let failure)):
      Step(state: .failed(failure), notices: [.event("refund.failed"), .bookReturn])
    case (.failed, .refunded):
      // The money left all the same: its amount is taken again, whatever was refunded meanwhile.
      Step(
        state: .succeeded,
        notices: [
          .event("refund.succeeded"), .bookRefund, .alert(kind: "refund_succeeded_after_failure"),
        ])
    case (.pending(.gatewayPending), .pending), (.succeeded, .pending), (.succeeded, .refunded),
      (.failed, .pending), (.failed, .failed):
      nil
    }
  }
}
