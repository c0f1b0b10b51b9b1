import Money

/// The life of a payment intent as data: state × event → verdict (DESIGN section 8).
/// Pure: no clock, no I/O. Facts are never refused: what cannot change the state raises an alert.
package enum IntentMachine {
  package static func next(
    _ state: IntentState, _ event: IntentEvent, capture: CaptureMethod
  ) -> Verdict {
    switch event {
    case .confirm: confirm(state)
    case .capture: captureAsked(state)
    case .cancel: cancel(state)
    case .fact(let fact): apply(fact, to: state, capture: capture)
    }
  }

  // MARK: What callers ask

  private static func confirm(_ state: IntentState) -> Verdict {
    switch state {
    case .created:
      .moved(to: .processing(.outcomeUnknown, authorized: false), [])
    case .failed(let failure) where failure.kind == .retryable:
      .moved(to: .processing(.outcomeUnknown, authorized: false), [])
    case .requiresAction, .processing, .requiresCapture, .succeeded, .failed, .canceled:
      .refused(allowed: [.created, .failed])
    }
  }

  private static func captureAsked(_ state: IntentState) -> Verdict {
    switch state {
    case .requiresCapture:
      .moved(to: .processing(.capturePending, authorized: true), [])
    case .created, .requiresAction, .processing, .succeeded, .failed, .canceled:
      .refused(allowed: [.requiresCapture])
    }
  }

  /// Without an operation at a gateway an intent is canceled at once; with one, the router closes
  /// the operation first and the `canceled` fact ends it.
  private static func cancel(_ state: IntentState) -> Verdict {
    switch state {
    case .created:
      .moved(to: .canceled, [.event("payment_intent.canceled")])
    case .failed(let failure) where failure.kind == .retryable:
      .moved(to: .canceled, [.event("payment_intent.canceled")])
    case .requiresCapture, .requiresAction:
      .moved(to: .processing(.cancelPending, authorized: false), [])
    case .processing, .succeeded, .failed, .canceled:
      .refused(allowed: [.created, .requiresAction, .requiresCapture, .failed])
    }
  }

  // MARK: What gateway-router found out

  private static func apply(
    _ fact: Fact, to state: IntentState, capture: CaptureMethod
  ) -> Verdict {
    switch state {
    case .processing(let reason, let authorized):
      processing(reason, authorized: authorized, fact, capture)
    case .requiresAction:
      // The payer has acted, or the action lapsed: the same facts end it as end processing.
      processing(.outcomeUnknown, authorized: false, fact, capture)
    case .requiresCapture:
      waitingForCapture(fact)
    case .created, .succeeded, .failed, .canceled:
      settled(state, fact)
    }
  }

  private static func processing(
    _ reason: ProcessingReason, authorized: Bool, _ fact: Fact, _ capture: CaptureMethod
  ) -> Verdict {
    if reason == .cancelPending { return canceling(fact) }
    switch fact {
    case .authorized:
      return capture == .manual
        ? .moved(to: .requiresCapture, [.event("payment_intent.amount_capturable_updated")])
        : .moved(to: .processing(.capturePending, authorized: true), [])
    case .captured:
      return .moved(to: .succeeded, [.event("payment_intent.succeeded"), .bookCapture])
    case .declined(let failure):
      return .moved(to: .failed(failure), [.event("payment_intent.payment_failed")])
    case .notExecuted(let code):
      return .moved(
        to: .failed(IntentFailure(kind: .retryable, code: code)),
        [.event("payment_intent.payment_failed")])
    case .unknown:
      return authorized || reason == .outcomeUnknown
        ? .unchanged([])
        : .moved(
          to: .processing(.outcomeUnknown, authorized: false),
          [.event("payment_intent.processing")])
    case .pending:
      return reason == .bankPending
        ? .unchanged([])
        : .moved(
          to: .processing(.bankPending, authorized: authorized),
          [.event("payment_intent.processing")])
    case .canceled:
      return .moved(
        to: .failed(IntentFailure(kind: .retryable, code: "authorization_released")),
        [.event("payment_intent.payment_failed")])
    case .requiresAction:
      return .moved(to: .requiresAction, [.event("payment_intent.requires_action")])
    case .captureFailed(let code):
      return .moved(
        to: .failed(IntentFailure(kind: .terminal, code: code)),
        [.event("payment_intent.payment_failed")])
    case .conflicted:
      return .unchanged([.alert(kind: "gateway_answer_conflicts")])
    }
  }

  /// The caller gave the intent up: whatever ends without money having moved cancels it.
  private static func canceling(_ fact: Fact) -> Verdict {
    switch fact {
    case .canceled, .declined, .notExecuted, .captureFailed:
      .moved(to: .canceled, [.event("payment_intent.canceled")])
    case .captured:
      .moved(
        to: .succeeded,
        [
          .event("payment_intent.succeeded"), .bookCapture, .alert(kind: "captured_while_canceling"),
        ])
    case .authorized, .unknown, .pending, .requiresAction:
      .unchanged([])
    case .conflicted:
      .unchanged([.alert(kind: "gateway_answer_conflicts")])
    }
  }

  private static func waitingForCapture(_ fact: Fact) -> Verdict {
    switch fact {
    case .captured:
      // Nobody asked for it: the money moved all the same, and people must look (interleavings 3).
      .moved(
        to: .succeeded,
        [
          .event("payment_intent.succeeded"), .bookCapture, .alert(kind: "capture_without_request"),
        ])
    case .canceled:
      // The authorisation expired or was released at the gateway.
      .moved(
        to: .failed(IntentFailure(kind: .retryable, code: "authorization_released")),
        [.event("payment_intent.payment_failed")])
    case .authorized, .unknown, .pending:
      .unchanged([])
    case .declined, .notExecuted, .requiresAction, .captureFailed, .conflicted:
      .unchanged([.alert(kind: "fact_contradicts_state")])
    }
  }

  /// Terminal states absorb: a fact never changes them, but money that moved is booked, and
  /// people hear of it.
  private static func settled(_ state: IntentState, _ fact: Fact) -> Verdict {
    switch (state, fact) {
    case (.succeeded, .captured):
      .unchanged([.bookCapture, .alert(kind: "captured_twice")])
    case (_, .captured):
      .unchanged([.bookCapture, .alert(kind: "captured_without_owner")])
    case (_, .authorized):
      .unchanged([.alert(kind: "authorized_without_owner")])
    case (_, .conflicted):
      .unchanged([.alert(kind: "gateway_answer_conflicts")])
    case (_, .declined), (_, .notExecuted), (_, .unknown), (_, .pending), (_, .canceled),
      (_, .requiresAction), (_, .captureFailed):
      .unchanged([])
    }
  }
}
