/// The status of a refund as callers see it.
package enum RefundStatus: Int16, Sendable, Hashable, CaseIterable {
  case pending = 1
  case succeeded = 2
  case failed = 3
}

/// Why a refund is pending. Silence never ends either; only evidence does.
package enum RefundPendingReason: Int16, Sendable, Hashable, CaseIterable {
  case outcomeUnknown = 1
  case gatewayPending = 2
}

package enum RefundReason: Int16, Sendable, Hashable, CaseIterable {
  case unspecified = 0
  case requestedByCustomer = 1
  case duplicate = 2
  case fraudulent = 3
}

package struct RefundFailure: Sendable, Hashable {
  /// Tender's code, for example `refund_failed`.
  package var code: String
  /// The gateway's own code, for people.
  package var gatewayCode: String

  package init(code: String, gatewayCode: String = "") {
    self.code = code
    self.gatewayCode = gatewayCode
  }
}

/// The state of a refund. What a state needs is its payload.
package enum RefundState: Sendable, Hashable {
  case pending(RefundPendingReason)
  case succeeded
  case failed(RefundFailure)

  package var status: RefundStatus {
    switch self {
    case .pending: .pending
    case .succeeded: .succeeded
    case .failed: .failed
    }
  }

  /// Whether its amount is taken from what may be refunded. Only a proven failure releases it: not
  /// silence, and not a search that found nothing (interleavings 16).
  package var reserves: Bool { status != .failed }
}
