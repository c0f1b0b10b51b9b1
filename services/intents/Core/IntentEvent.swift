import Money

/// What gateway-router has found out about the intent's current operation.
package enum FactKind: Int16, Sendable, Hashable, CaseIterable {
  case authorized = 1
  case captured = 2
  case declined = 3
  case notExecuted = 4
  case unknown = 5
  case pending = 6
  case canceled = 7
  case requiresAction = 8
  case captureFailed = 9
  case conflicted = 10
}

/// A fact with what the transition needs of it.
package enum Fact: Sendable, Hashable {
  case authorized
  case captured
  case declined(IntentFailure)
  case notExecuted(code: String)
  case unknown
  case pending
  case canceled
  case requiresAction
  case captureFailed(code: String)
  case conflicted

  package var kind: FactKind {
    switch self {
    case .authorized: .authorized
    case .captured: .captured
    case .declined: .declined
    case .notExecuted: .notExecuted
    case .unknown: .unknown
    case .pending: .pending
    case .canceled: .canceled
    case .requiresAction: .requiresAction
    case .captureFailed: .captureFailed
    case .conflicted: .conflicted
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
  case fact(Fact)
}

/// What the state change means for others; each becomes an outbox row in the same transaction.
package enum Notice: Sendable, Hashable {
  /// An event of this type for the merchant's webhooks.
  case event(String)
  /// The captured amount of the fact, for the books.
  case bookCapture
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
