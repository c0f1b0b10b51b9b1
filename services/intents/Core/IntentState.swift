import Money

/// The status of a payment intent as callers see it (DESIGN section 8).
package enum IntentStatus: Int16, Sendable, Hashable, CaseIterable {
  case created = 1
  case requiresAction = 2
  case processing = 3
  case requiresCapture = 4
  case succeeded = 5
  case failed = 6
  case canceled = 7
}

/// Why an intent is processing. Silence never ends any of them; only evidence does.
package enum ProcessingReason: Int16, Sendable, Hashable, CaseIterable {
  case bankPending = 1
  case outcomeUnknown = 2
  case capturePending = 3
  case cancelPending = 4
}

package enum CaptureMethod: Int16, Sendable, Hashable, CaseIterable {
  case automatic = 1
  case manual = 2
}

/// What a decline allows next, as gateway-router classifies it.
package enum DeclineClass: Int16, Sendable, Hashable, CaseIterable {
  case never = 1
  case fixData = 2
  case stepUp = 3
  case later = 4
  case otherGateway = 5
}

/// Why an intent failed, and whether it may be confirmed again.
package struct IntentFailure: Sendable, Hashable {
  package enum Kind: Int16, Sendable, Hashable, CaseIterable {
    case retryable = 1
    /// Absorbing.
    case terminal = 2
  }

  package var kind: Kind
  /// Tender's code, for example `insufficient_funds`.
  package var code: String
  package var declineClass: DeclineClass?
  /// The gateway's own code, for people.
  package var gatewayCode: String

  package init(
    kind: Kind, code: String, declineClass: DeclineClass? = nil, gatewayCode: String = ""
  ) {
    self.kind = kind
    self.code = code
    self.declineClass = declineClass
    self.gatewayCode = gatewayCode
  }

  /// Nothing was sent to any gateway, and nothing will be (interleavings 9).
  package static let abandonedBeforeSend = IntentFailure(
    kind: .retryable, code: "abandoned_before_send")
}

/// The state of an intent. What a state needs is its payload, so that a processing intent without
/// a reason, or a failed one without a failure, cannot be written down.
package enum IntentState: Sendable, Hashable {
  case created
  case requiresAction
  /// `authorized` is true once a winner holds the money and only the capture is missing.
  case processing(ProcessingReason, authorized: Bool)
  case requiresCapture
  case succeeded
  case failed(IntentFailure)
  case canceled

  package var status: IntentStatus {
    switch self {
    case .created: .created
    case .requiresAction: .requiresAction
    case .processing: .processing
    case .requiresCapture: .requiresCapture
    case .succeeded: .succeeded
    case .failed: .failed
    case .canceled: .canceled
    }
  }

  /// Nothing but a modelled reversal follows.
  package var isTerminal: Bool {
    switch self {
    case .succeeded, .canceled: true
    case .failed(let failure): failure.kind == .terminal
    case .created, .requiresAction, .processing, .requiresCapture: false
    }
  }
}
