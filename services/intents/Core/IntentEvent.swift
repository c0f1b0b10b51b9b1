import Money

/// What gateway-router has found out about the intent's operation, with what the transition needs.
package enum Fact: Sendable, Hashable {
  case authorized
  case captured
  case declined(IntentFailure)
  case notExecuted(code: String)
  /// Nothing was sent or will be: a payment that a restore has lost keeps the intent's money.
  case paidBeforeRestore(code: String)
  case unknown
  case pending
  /// Every attempt is proven void, because somebody here asked for it.
  case canceled
  /// The authorisation ended at the gateway; nobody here asked for it.
  case expired
  case requiresAction
  case captureFailed(code: String)
  /// A capture that had been reported done turned out not to be.
  case captureUndone(code: String)
  case conflicted
  /// The payer's bank has taken captured money back.
  case returned

  /// What the intent failed of, where a fact can end it so.
  package var failure: IntentFailure? {
    switch self {
    case .declined(let failure): failure
    case .notExecuted(let code), .captureFailed(let code):
      IntentFailure(kind: .retryable, code: code)
    case .paidBeforeRestore(let code): IntentFailure(kind: .terminal, code: code)
    case .canceled: IntentFailure(kind: .retryable, code: "authorization_released")
    case .expired: IntentFailure(kind: .retryable, code: "authorization_expired")
    case .authorized, .captured, .unknown, .pending, .requiresAction, .captureUndone, .conflicted,
      .returned:
      nil
    }
  }
}

/// Everything that can happen to an intent.
package enum IntentEvent: Sendable, Hashable {
  /// A caller asks to move the money.
  case confirm
  /// A caller asks to capture what is authorised.
  case capture
  /// A caller gives the intent up.
  case cancel
  /// A caller says that the payer has come back from what they had to do.
  case completeAction
  case fact(Fact)

  package var kind: IntentEventKind {
    switch self {
    case .confirm: .confirm
    case .capture: .capture
    case .cancel: .cancel
    case .completeAction: .completeAction
    case .fact(let fact):
      switch fact {
      case .authorized: .authorized
      case .captured: .captured
      case .declined: .declined
      case .notExecuted: .notExecuted
      case .paidBeforeRestore: .paidBeforeRestore
      case .unknown: .unknown
      case .pending: .pending
      case .canceled: .canceled
      case .expired: .expired
      case .requiresAction: .requiresAction
      case .captureFailed: .captureFailed
      case .captureUndone: .captureUndone
      case .conflicted: .conflicted
      case .returned: .returned
      }
    }
  }
}

/// An event without what it carries: a column of `IntentTable`. The text is that of the documents.
package enum IntentEventKind: String, Sendable, Hashable, CaseIterable {
  case confirm
  case capture
  case cancel
  case completeAction = "complete_action"
  case authorized
  case captured
  case declined
  case notExecuted = "not_executed"
  case paidBeforeRestore = "paid_before_restore"
  case unknown
  case pending
  case canceled
  case expired
  case requiresAction = "requires_action"
  case captureFailed = "capture_failed"
  case captureUndone = "capture_undone"
  case conflicted
  case returned

  /// A caller's wish may be refused; a fact is true whatever the state.
  package var isRequest: Bool {
    switch self {
    case .confirm, .capture, .cancel, .completeAction: true
    case .authorized, .captured, .declined, .notExecuted, .paidBeforeRestore, .unknown, .pending,
      .canceled, .expired, .requiresAction, .captureFailed, .captureUndone, .conflicted, .returned:
      false
    }
  }
}

/// What the state change means for others; each becomes an outbox row in the same transaction.
package enum Notice: Sendable, Hashable {
  /// An event of this type for the merchant's webhooks.
  case event(String)
  /// The captured amount of the fact, for the books.
  case bookCapture
  /// The same with the sides exchanged: the capture did not happen after all.
  case bookCaptureUndone
  /// The returned amount of the fact, as a movement of its own.
  case bookReturn
  /// Money that an attempt took which is nobody's payment, for the books.
  case bookOrphanCapture
  /// The same money, given back.
  case bookOrphanReversal
  /// People must look: a fact contradicts the state.
  case alert(kind: String)
}

/// The answer of the machine.
package enum Verdict: Sendable, Hashable {
  case moved(to: IntentState, [Notice])
  /// The event is true but changes nothing.
  case unchanged([Notice])
  /// The caller may not do this now.
  case refused(allowed: [IntentStatus])
}
