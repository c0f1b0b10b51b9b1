package import Money

/// What people have seen at a gateway, where no request of ours can prove it: said by one, confirmed
/// by another. Cannot be made by one person alone.
package struct Attestation: Sendable, Hashable {
  /// Raw values are those of the contract and of SQL.
  package enum Kind: Int16, Sendable, Hashable, CaseIterable {
    /// The payment (the refund) is canceled there: nothing moved, and nothing will.
    case canceledAtGateway = 1
    /// The money was given back there.
    case refundedAtGateway = 2
    /// The gateway's records of that time do not hold it.
    case neverExisted = 3
  }

  package let kind: Kind
  package let proposedBy: String
  package let approvedBy: String

  /// Nil when both are one person.
  package init?(_ kind: Kind, proposedBy: String, approvedBy: String) {
    guard !proposedBy.isEmpty, !approvedBy.isEmpty, proposedBy != approvedBy else { return nil }
    (self.kind, self.proposedBy, self.approvedBy) = (kind, proposedBy, approvedBy)
  }
}

/// What people may say about what nothing has proven. Their word never takes back what a gateway has
/// shown.
package enum ResolutionRule {
  package enum Refusal: Error, Sendable, Hashable {
    /// It may still win, its outcome is known, or there is nothing to give back.
    case notUnproven
    /// The jobs may still prove it themselves.
    case tooEarly
    /// The gateway has shown something else.
    case contradictsEvidence
  }

  /// - Parameter ageSeconds: since the attempt was condemned, as the reversals' schedule counts.
  package static func check(
    _ kind: Attestation.Kind, about id: AttemptID, in operation: Operation, ageSeconds: Int64
  ) throws(Refusal) {
    try check(kind, about: id, in: operation)
    guard ageSeconds >= ReversalSchedule.alertSeconds else { throw .tooEarly }
  }

  static func check(
    _ kind: Attestation.Kind, about id: AttemptID, in operation: Operation
  ) throws(Refusal) {
    if let winner = operation.winner, winner.attempt.id == id {
      guard winner.isReleasing, !winner.attempt.evidence.isNegative else { throw .notUnproven }
      guard kind == .canceledAtGateway, winner.attempt.evidence != .captured else {
        throw .contradictsEvidence
      }
      return
    }
    guard let attempt = operation.condemned.first(where: { $0.id == id }),
      !attempt.evidence.isResolved
    else { throw .notUnproven }
    let fits =
      switch attempt.evidence {
      case .sent, .unknown: true
      case .requiresAction where attempt.isWithoutResult: true
      case .pending, .requiresAction, .actionSubmitted, .authorized: kind != .neverExisted
      case .captured: kind == .refundedAtGateway
      case .declined: kind == .canceledAtGateway
      case .notExecuted, .canceled, .refunded, .returned: false
      }
    guard fits else { throw .contradictsEvidence }
  }

  /// - Parameter ageSeconds: since the request may have been sent last.
  package static func check(
    _ kind: Attestation.Kind, about refund: Refund, at gateway: GatewayName, ageSeconds: Int64
  ) throws(Refusal) {
    switch refund.state {
    case .succeeded, .failed, .queued: throw .notUnproven
    case .accepted:
      guard ageSeconds >= RefundSchedule.acceptedAlertSeconds else { throw .tooEarly }
      guard kind != .neverExisted else { throw .contradictsEvidence }
    case .sending, .unknown:
      guard ageSeconds >= RefundSchedule.unknownAlertSeconds else { throw .tooEarly }
      // While the key is remembered the same request may still go out.
      guard kind != .neverExisted || ageSeconds >= RefundSchedule.absenceSeconds(at: gateway)
      else { throw .tooEarly }
    }
  }
}

extension Operation {
  /// What the attempt took although it is condemned, else what it would take.
  package func amount(of attempt: Attempt) -> Amount {
    Amount(amount.currency, minor: attempt.orphanMinor ?? amount.minor)
  }
}
