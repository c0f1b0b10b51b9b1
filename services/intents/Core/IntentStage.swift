/// A state without what it carries: the rows of `IntentTable`. The text is that of the documents.
package enum IntentStage: String, Sendable, Hashable, CaseIterable {
  case created
  case requiresAction = "requires_action"
  case outcomeUnknown = "processing (outcome_unknown)"
  case bankPending = "processing (bank_pending)"
  case capturePending = "processing (capture_pending)"
  case cancelPending = "processing (cancel_pending)"
  case requiresCapture = "requires_capture"
  case succeeded
  case failedRetryable = "failed (retryable)"
  case failedTerminal = "failed (terminal)"
  case canceled

  package var status: IntentStatus {
    switch self {
    case .created: .created
    case .requiresAction: .requiresAction
    case .outcomeUnknown, .bankPending, .capturePending, .cancelPending: .processing
    case .requiresCapture: .requiresCapture
    case .succeeded: .succeeded
    case .failedRetryable, .failedTerminal: .failed
    case .canceled: .canceled
    }
  }
}

extension IntentState {
  package var stage: IntentStage {
    switch self {
    case .created: .created
    case .requiresAction: .requiresAction
    case .processing(.outcomeUnknown, _): .outcomeUnknown
    case .processing(.bankPending, _): .bankPending
    case .processing(.capturePending, _): .capturePending
    case .processing(.cancelPending, _): .cancelPending
    case .requiresCapture: .requiresCapture
    case .succeeded: .succeeded
    case .failed(let failure): failure.kind == .retryable ? .failedRetryable : .failedTerminal
    case .canceled: .canceled
    }
  }

  /// A winner already holds the money.
  package var isAuthorized: Bool {
    switch self {
    case .processing(_, let authorized): authorized
    case .requiresCapture: true
    case .created, .requiresAction, .succeeded, .failed, .canceled: false
    }
  }

  /// The state at a stage that an event leads to; nil where the event does not carry what the stage
  /// needs.
  init?(_ stage: IntentStage, after event: IntentEvent, from before: IntentState) {
    switch stage {
    case .created: self = .created
    case .requiresAction: self = .requiresAction
    case .outcomeUnknown: self = .processing(.outcomeUnknown, authorized: false)
    case .bankPending: self = .processing(.bankPending, authorized: before.isAuthorized)
    case .capturePending: self = .processing(.capturePending, authorized: true)
    case .cancelPending: self = .processing(.cancelPending, authorized: false)
    case .requiresCapture: self = .requiresCapture
    case .succeeded: self = .succeeded
    case .failedRetryable, .failedTerminal:
      guard case .fact(let fact) = event, var failure = fact.failure else { return nil }
      failure.kind = stage == .failedTerminal ? .terminal : .retryable
      self = .failed(failure)
    case .canceled: self = .canceled
    }
  }
}
