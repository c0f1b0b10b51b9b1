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
    /// Tender's code. The texts are those of contracts, SQL and events.
    package enum Code: String, Sendable, Hashable, CaseIterable {
      /// The bank or the gateway said no.
      case failed = "refund_failed"
      case canceled = "refund_canceled"
      /// It had succeeded and came back.
      case reversed = "refund_reversed"
      /// The gateway refused the request itself.
      case rejected = "gateway_rejected_request"
      case accountRefused = "gateway_account_refused"
      case notExpressible = "not_expressible_at_gateway"
      /// Never sent: the operation has no winner.
      case operationNotWon = "operation_not_won"
      /// Never sent: above what was captured and not refunded.
      case amountTooLarge = "amount_too_large"
      /// Never sent: a refund of the payment that a restore has lost is not settled.
      case besideLostRefund = "lost_refund_unresolved"
      /// The gateway's records do not hold it, when no request of it can be under way any more.
      case neverExisted = "refund_never_existed"

      /// A decline's code; one that this list does not name is a plain no.
      package init(ofDecline code: String) { self = Code(rawValue: code) ?? .failed }
    }

    package var code: Code
    /// The gateway's own code, for people.
    package var gatewayCode: String

    package init(code: Code, gatewayCode: String) {
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
  /// - Parameter returnedMinor: what the payer's bank has taken back of the winner.
  package static func refundableMinor(
    of operation: Operation, _ refunds: [Refund], returnedMinor: Int64
  ) -> Int64 {
    operation.capturedMinor - returnedMinor - refunds.reduce(0) { $0 + $1.reservedMinor }
  }

  package enum Refusal: Error, Sendable, Hashable {
    case never(Never)
    case differs(Difference)
  }

  /// Refusals that hold for ever: there is no refund with this id, so that none was ever sent, and it
  /// is remembered as failed, so that none will be.
  package enum Never: Sendable, Hashable {
    case notWon
    case amountTooLarge(refundableMinor: Int64)
    /// A refund of the payment that a restore has lost is not settled: it may be the one that is asked
    /// for, under another id. Waiting, it would go out once that is known to have gone back.
    case besideLostRefund

    package var code: Refund.Failure.Code {
      switch self {
      case .notWon: .operationNotWon
      case .amountTooLarge: .amountTooLarge
      case .besideLostRefund: .besideLostRefund
      }
    }
  }

  /// What is known here and there differs: it decides nothing.
  package enum Difference: Sendable, Hashable {
    case currency
    /// The id was used for another amount.
    case amount
  }

  /// Whether a refund with this id may begin; false when it is there already.
  /// - Parameter isBesideLost: another refund of the payment was lost by a restore, and is not settled.
  package static func mayBegin(
    _ id: RefundID, _ amount: Amount, of operation: Operation, _ refunds: [Refund],
    returnedMinor: Int64, isBesideLost: Bool = false
  ) throws(Refusal) -> Bool {
    guard amount.currency == operation.amount.currency else { throw .differs(.currency) }
    if let known = refunds.first(where: { $0.id == id }) {
      guard known.amount == amount else { throw .differs(.amount) }
      return false
    }
    guard operation.winner != nil else { throw .never(.notWon) }
    guard !isBesideLost else { throw .never(.besideLostRefund) }
    let refundable = refundableMinor(of: operation, refunds, returnedMinor: returnedMinor)
    guard amount.minor > 0, amount.minor <= refundable else {
      throw .never(.amountTooLarge(refundableMinor: refundable))
    }
    return true
  }
}
