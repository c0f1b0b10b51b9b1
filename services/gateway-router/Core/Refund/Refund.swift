package import Money

/// Money given back at an operation's winner: one request per id, for ever, never at another gateway.
package struct Refund: Sendable, Hashable {
  package enum State: Int16, Sendable, Hashable, CaseIterable {
    /// The row is committed; a request may be on its way. After a crash as unknown as `unknown`.
    case sending = 1
    /// Accepted by the gateway; its result comes later.
    case accepted = 2
    case succeeded = 3
    case failed = 4
    case unknown = 5
    /// Proven not executed: the same request goes out again.
    case queued = 6
  }

  package let id: RefundID
  package let amount: Amount
  package internal(set) var state: State
  /// It was reported done once: what fails afterwards came back.
  package internal(set) var hasSucceeded: Bool
  /// An answer contradicted the request; reported once.
  package internal(set) var isConflicted: Bool
  /// The gateway's id of the refund, once learned.
  package internal(set) var reference: String?
  package internal(set) var failure: Failure?

  package struct Failure: Sendable, Hashable {
    /// Tender's code, for example `refund_failed`.
    package var code: String
    /// The gateway's own code, for people.
    package var gatewayCode: String

    package init(code: String, gatewayCode: String) {
      self.code = code
      self.gatewayCode = gatewayCode
    }
  }

  package init(
    id: RefundID, amount: Amount, state: State = .sending, hasSucceeded: Bool = false,
    isConflicted: Bool = false, reference: String? = nil, failure: Failure? = nil
  ) {
    self.id = id
    self.amount = amount
    self.state = state
    self.hasSucceeded = hasSucceeded
    self.isConflicted = isConflicted
    self.reference = reference
    self.failure = failure
  }

  /// Nothing more is expected of it, though a success may still come back.
  package var isDecided: Bool { state == .succeeded || state == .failed }

  /// What it takes from the refundable amount: only a proven failure releases it.
  package var reservedMinor: Int64 { state == .failed ? 0 : amount.minor }
}

/// What there is left to refund of an operation: the second guard, behind the one of intents.
package enum RefundGuard {
  package static func refundableMinor(of operation: Operation, _ refunds: [Refund]) -> Int64 {
    let captured = (operation.winner?.captures ?? []).filter { $0.state == .captured }
      .reduce(0) { $0 + $1.amount.minor }
    return captured - refunds.reduce(0) { $0 + $1.reservedMinor }
  }

  package enum Refusal: Error, Sendable, Hashable {
    case notWon
    case currencyMismatch
    /// The id was used for another amount.
    case mismatch
    case amountTooLarge(refundableMinor: Int64)
  }

  /// Whether a refund with this id may begin; false when it is there already.
  package static func mayBegin(
    _ id: RefundID, _ amount: Amount, of operation: Operation, _ refunds: [Refund]
  ) throws(Refusal) -> Bool {
    guard operation.winner != nil else { throw .notWon }
    guard amount.currency == operation.amount.currency else { throw .currencyMismatch }
    if let known = refunds.first(where: { $0.id == id }) {
      guard known.amount == amount else { throw .mismatch }
      return false
    }
    let refundable = refundableMinor(of: operation, refunds)
    guard amount.minor > 0, amount.minor <= refundable else {
      throw .amountTooLarge(refundableMinor: refundable)
    }
    return true
  }
}
