/// What a transition may depend on beside state and event.
package struct IntentSituation: Sendable, Hashable {
  package var capture: CaptureMethod
  package var isAuthorized: Bool

  package init(capture: CaptureMethod, isAuthorized: Bool) {
    self.capture = capture
    self.isAuthorized = isAuthorized
  }
}

/// One declared transition of a payment intent.
package struct IntentTransition: Sendable, Hashable {
  /// The text is that of the documents.
  package enum Condition: String, Sendable, Hashable, CaseIterable {
    case always = ""
    case automaticCapture = "automatic capture"
    case manualCapture = "manual capture"
    case authorized = "already authorised"
    case unauthorized = "not authorised yet"

    package func holds(in situation: IntentSituation) -> Bool {
      switch self {
      case .always: true
      case .automaticCapture: situation.capture == .automatic
      case .manualCapture: situation.capture == .manual
      case .authorized: situation.isAuthorized
      case .unauthorized: !situation.isAuthorized
      }
    }
  }

  package enum Target: Sendable, Hashable {
    /// The event is true, and the state stays as it is.
    case stay
    case move(IntentStage)
  }

  package let from: [IntentStage]
  package let event: IntentEventKind
  package let condition: Condition
  package let target: Target
  package let notices: [Notice]
  /// Why, in words.
  package let because: String

  fileprivate init(
    _ from: [IntentStage], _ event: IntentEventKind, when condition: Condition = .always,
    _ target: Target, _ notices: [Notice] = [], because: String
  ) {
    self.from = from
    self.event = event
    self.condition = condition
    self.target = target
    self.notices = notices
    self.because = because
  }
}

/// All transitions of a payment intent: the machine reads them, the documents are drawn from them.
///
/// Each fact has exactly one transition in every state and situation; a request that has none is
/// refused with the statuses that have one.
package enum IntentTable {
  /// The one transition that applies.
  package static func transition(
    from stage: IntentStage, _ event: IntentEventKind, _ situation: IntentSituation
  ) -> IntentTransition? {
    index[Place(stage: stage, event: event)]?.first { $0.condition.holds(in: situation) }
  }

  /// The statuses in which a request is granted.
  package static func allowed(_ event: IntentEventKind) -> [IntentStatus] {
    let granted = transitions.filter { $0.event == event }.flatMap(\.from).map(\.status)
    return IntentStatus.allCases.filter(granted.contains)
  }

  private struct Place: Hashable {
    var stage: IntentStage
    var event: IntentEventKind
  }

  private static let index: [Place: [IntentTransition]] = {
    var index: [Place: [IntentTransition]] = [:]
    for transition in transitions {
      for stage in transition.from {
        index[Place(stage: stage, event: transition.event), default: []].append(transition)
      }
    }
    return index
  }()

  package static let transitions = requests + underWay + canceling + held + settled

  /// Money is asked for, and nobody has given the intent up.
  private static let active: [IntentStage] = [
    .requiresAction, .outcomeUnknown, .bankPending, .capturePending,
  ]
  /// Nothing is under way.
  private static let idle: [IntentStage] = [
    .created, .succeeded, .failedRetryable, .failedTerminal, .canceled,
  ]

  // MARK: What callers ask

  private static let requests: [IntentTransition] = [
    IntentTransition(
      [.created, .failedRetryable], .confirm, .move(.outcomeUnknown),
      because: "a new operation is written before anything is sent"),
    IntentTransition(
      [.requiresCapture], .capture, .move(.capturePending),
      because: "once, in full or in part; what is not captured is released"),
    IntentTransition(
      [.created, .failedRetryable], .cancel, .move(.canceled),
      [.event("payment_intent.canceled")], because: "no gateway holds anything"),
    IntentTransition(
      [.requiresAction, .requiresCapture], .cancel, .move(.cancelPending),
      because: "gateway-router closes the operation first; its fact ends the intent"),
    IntentTransition(
      [.requiresAction], .completeAction, .stay,
      because: "gateway-router hands on what the payer brought back; its facts move the intent"),
    IntentTransition(
      [
        .outcomeUnknown, .bankPending, .capturePending, .cancelPending, .requiresCapture, .succeeded,
        .failedRetryable, .failedTerminal, .canceled,
      ], .completeAction, .stay, because: "the payer was here before, or comes too late"),
  ]

  // MARK: What gateway-router found out: money is under way

  private static let underWay: [IntentTransition] = [
    IntentTransition(
      [.requiresAction, .outcomeUnknown, .bankPending], .authorized, when: .automaticCapture,
      .move(.capturePending), because: "the winner is known; its capture follows by itself"),
    IntentTransition(
      [.requiresAction, .outcomeUnknown, .bankPending], .authorized, when: .manualCapture,
      .move(.requiresCapture), [.event("payment_intent.amount_capturable_updated")],
      because: "the merchant captures"),
    IntentTransition(
      [.capturePending], .authorized, .stay, because: "known: a capture was asked for"),
    IntentTransition(
      active, .captured, .move(.succeeded), [.event("payment_intent.succeeded"), .bookCapture],
      because: "the money is there"),
    IntentTransition(
      active, .declined, .move(.failedRetryable), [.event("payment_intent.payment_failed")],
      because: "every attempt is proven without effect"),
    IntentTransition(
      active, .notExecuted, .move(.failedRetryable), [.event("payment_intent.payment_failed")],
      because: "nothing was sent anywhere, and nothing will be"),
    IntentTransition(
      active, .paidBeforeRestore, .move(.failedTerminal),
      [.event("payment_intent.payment_failed")],
      because: "its payer has paid before a restore, as two people have settled: never once more"),
    IntentTransition(
      active, .canceled, .move(.failedRetryable), [.event("payment_intent.payment_failed")],
      because: "every attempt is proven void, or given back"),
    IntentTransition(
      active, .expired, .move(.failedRetryable), [.event("payment_intent.payment_failed")],
      because: "the authorisation ended before its capture"),
    IntentTransition(
      active, .captureFailed, .move(.failedTerminal), [.event("payment_intent.payment_failed")],
      because: "the gateway refuses the capture for good"),
    IntentTransition(
      active, .requiresAction, .move(.requiresAction), [.event("payment_intent.requires_action")],
      because: "the payer has something to do"),
    IntentTransition(
      [.requiresAction, .outcomeUnknown, .capturePending], .pending, .move(.bankPending),
      [.event("payment_intent.processing")], because: "the bank has it; days for a direct debit"),
    IntentTransition([.bankPending], .pending, .stay, because: "known"),
    IntentTransition(
      [.outcomeUnknown], .unknown, .stay, because: "known: nobody has heard of it yet"),
    IntentTransition(
      [.requiresAction], .unknown, .move(.outcomeUnknown), [.event("payment_intent.processing")],
      because: "the payer has acted, or was given up, and the gateway has not said what came of it"),
    IntentTransition(
      [.bankPending, .capturePending], .unknown, when: .authorized, .stay,
      because: "what is authorised does not become unknown"),
    IntentTransition(
      [.bankPending, .capturePending], .unknown, when: .unauthorized, .move(.outcomeUnknown),
      [.event("payment_intent.processing")], because: "an attempt's outcome is not known"),
    IntentTransition(
      active, .captureUndone, .stay, [.bookCaptureUndone, .alert(kind: "capture_undone")],
      because: "an earlier capture turned out not to be one"),
    IntentTransition(
      active, .returned, .stay, [.bookReturn, .alert(kind: "returned_before_success")],
      because: "the return is told before the capture"),
    IntentTransition(
      active + [.cancelPending, .created, .succeeded, .failedRetryable, .failedTerminal, .canceled],
      .conflicted, .stay, [.alert(kind: "gateway_answer_conflicts")],
      because: "an answer contradicts the request: people decide"),
  ]

  // MARK: The caller gave it up

  private static let canceling: [IntentTransition] =
    [.canceled, .declined, .notExecuted, .paidBeforeRestore, .captureFailed, .expired].map {
      IntentTransition(
        [.cancelPending], $0, .move(.canceled), [.event("payment_intent.canceled")],
        because: "whatever ends without money having moved cancels it")
    } + [
      IntentTransition(
        [.cancelPending], .captured, .move(.succeeded),
        [
          .event("payment_intent.succeeded"), .bookCapture,
          .alert(kind: "captured_while_canceling"),
        ], because: "the money moved first: never a lost success"),
      IntentTransition(
        [.cancelPending], .captureUndone, .stay,
        [.bookCaptureUndone, .alert(kind: "capture_undone")],
        because: "an earlier capture turned out not to be one"),
      IntentTransition(
        [.cancelPending], .returned, .stay,
        [.bookReturn, .alert(kind: "returned_before_success")],
        because: "the return is told before the capture"),
    ]
    + [.authorized, .unknown, .pending, .requiresAction].map {
      IntentTransition([.cancelPending], $0, .stay, because: "the operation is being closed")
    }

  // MARK: Authorised, the merchant has not captured

  private static let held: [IntentTransition] =
    [
      IntentTransition(
        [.requiresCapture], .captured, .move(.succeeded),
        [
          .event("payment_intent.succeeded"), .bookCapture, .alert(kind: "capture_without_request"),
        ], because: "nobody asked for it; the money moved all the same (interleavings 3)"),
      IntentTransition(
        [.requiresCapture], .canceled, .move(.failedRetryable),
        [.event("payment_intent.payment_failed")], because: "the authorisation was released"),
      IntentTransition(
        [.requiresCapture], .expired, .move(.failedRetryable),
        [.event("payment_intent.payment_failed")],
        because: "the gateway has let the authorisation go; a capture is refused from here on"),
      IntentTransition(
        [.requiresCapture], .captureUndone, .stay,
        [.bookCaptureUndone, .alert(kind: "capture_undone")],
        because: "an earlier capture turned out not to be one"),
      IntentTransition(
        [.requiresCapture], .returned, .stay,
        [.bookReturn, .alert(kind: "returned_before_success")],
        because: "the return is told before the capture"),
    ]
    + [.authorized, .unknown, .pending].map {
      IntentTransition([.requiresCapture], $0, .stay, because: "known: it is authorised")
    }
    + [
      .declined, .notExecuted, .paidBeforeRestore, .requiresAction, .captureFailed, .conflicted,
    ].map {
      IntentTransition(
        [.requiresCapture], $0, .stay, [.alert(kind: "fact_contradicts_state")],
        because: "it is authorised: people decide")
    }

  // MARK: Nothing is under way. Money that moves all the same is booked, and people hear of it

  private static let settled: [IntentTransition] =
    [
      IntentTransition(
        [.succeeded], .captured, .stay, [.bookCapture, .alert(kind: "captured_twice")],
        because: "a second capture: people give it back"),
      IntentTransition(
        [.created, .failedRetryable, .failedTerminal, .canceled], .captured, .stay,
        [.bookCapture, .alert(kind: "captured_without_owner")],
        because: "money that nobody here waits for (interleavings 15)"),
      IntentTransition(
        idle, .authorized, .stay, [.alert(kind: "authorized_without_owner")],
        because: "a hold that nobody here waits for"),
      IntentTransition(
        [.succeeded], .captureUndone, .move(.succeeded),
        [
          .event("payment_intent.returned"), .bookCaptureUndone, .alert(kind: "capture_undone"),
        ], because: "reported done, failed later: a new fact, never an edit"),
      IntentTransition(
        [.created, .failedRetryable, .failedTerminal, .canceled], .captureUndone, .stay,
        [.bookCaptureUndone, .alert(kind: "capture_undone")],
        because: "what was booked without an owner is taken back"),
      IntentTransition(
        [.succeeded], .returned, .move(.succeeded),
        [.event("payment_intent.returned"), .bookReturn],
        because: "weeks later: a new fact, never an edit; the amount is not refundable any more"),
      IntentTransition(
        [.created, .failedRetryable, .failedTerminal, .canceled], .returned, .stay,
        [.bookReturn, .alert(kind: "returned_without_owner")],
        because: "money went back that nobody here had"),
    ]
    + [
      .declined, .notExecuted, .paidBeforeRestore, .unknown, .pending, .canceled, .expired,
      .requiresAction, .captureFailed,
    ].map {
      IntentTransition(idle, $0, .stay, because: "too late to matter: settled states absorb")
    }
}
