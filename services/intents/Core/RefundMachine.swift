/// What gateway-router has found out about a refund.
package enum RefundFact: Sendable, Hashable {
  /// The gateway has accepted it.
  case pending
  case refunded
  case failed(RefundFailure)

  /// Without what it carries: the columns of `RefundMachine.transitions`.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    case pending = "refund_pending"
    case refunded
    case failed = "refund_failed"
  }

  package var kind: Kind {
    switch self {
    case .pending: .pending
    case .refunded: .refunded
    case .failed: .failed
    }
  }
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

/// A state without what it carries: the rows of `RefundMachine.transitions`.
package enum RefundStage: String, Sendable, Hashable, CaseIterable {
  case outcomeUnknown = "pending (outcome_unknown)"
  case gatewayPending = "pending (gateway_pending)"
  case succeeded
  case failed
}

extension RefundState {
  package var stage: RefundStage {
    switch self {
    case .pending(.outcomeUnknown): .outcomeUnknown
    case .pending(.gatewayPending): .gatewayPending
    case .succeeded: .succeeded
    case .failed: .failed
    }
  }
}

/// One declared transition of a refund.
package struct RefundTransition: Sendable, Hashable {
  package let from: [RefundStage]
  package let fact: RefundFact.Kind
  /// nil: the fact changes nothing.
  package let to: RefundStage?
  package let notices: [RefundNotice]
  /// Why, in words.
  package let because: String

  fileprivate init(
    _ from: [RefundStage], _ fact: RefundFact.Kind, _ to: RefundStage?,
    _ notices: [RefundNotice] = [], because: String
  ) {
    self.from = from
    self.fact = fact
    self.to = to
    self.notices = notices
    self.because = because
  }
}

/// The life of a refund as data: state × fact → state and notices. Facts are never refused.
package enum RefundMachine {
  package struct Step: Sendable, Hashable {
    package var state: RefundState
    package var notices: [RefundNotice]
  }

  /// Each fact has exactly one transition in every state.
  package static let transitions: [RefundTransition] = [
    RefundTransition(
      [.outcomeUnknown], .pending, .gatewayPending, [.event("refund.updated")],
      because: "the gateway has accepted it"),
    RefundTransition(
      [.outcomeUnknown, .gatewayPending], .refunded, .succeeded,
      [.event("refund.succeeded"), .bookRefund], because: "the money has left"),
    RefundTransition(
      [.outcomeUnknown, .gatewayPending], .failed, .failed, [.event("refund.failed")],
      because: "proven: its amount is refundable again"),
    RefundTransition(
      [.succeeded], .failed, .failed, [.event("refund.failed"), .bookReturn],
      because: "it came back: a movement of its own; its amount is refundable again"),
    RefundTransition(
      [.failed], .refunded, .succeeded,
      [
        .event("refund.succeeded"), .bookRefund, .alert(kind: "refund_succeeded_after_failure"),
      ],
      because: "the money left all the same: its amount is taken again, whatever else was refunded"),
    RefundTransition([.gatewayPending, .succeeded, .failed], .pending, nil, because: "known"),
    RefundTransition([.succeeded], .refunded, nil, because: "known"),
    RefundTransition([.failed], .failed, nil, because: "known"),
  ]

  /// nil when the fact changes nothing.
  package static func next(_ state: RefundState, _ fact: RefundFact) -> Step? {
    let row = transitions.first { $0.fact == fact.kind && $0.from.contains(state.stage) }
    guard let row, let stage = row.to, let next = RefundState(stage, after: fact) else {
      return nil
    }
    return Step(state: next, notices: row.notices)
  }
}

extension RefundState {
  /// nil where the fact does not carry what the stage needs.
  fileprivate init?(_ stage: RefundStage, after fact: RefundFact) {
    switch stage {
    case .outcomeUnknown: self = .pending(.outcomeUnknown)
    case .gatewayPending: self = .pending(.gatewayPending)
    case .succeeded: self = .succeeded
    case .failed:
      guard case .failed(let failure) = fact else { return nil }
      self = .failed(failure)
    }
  }
}
