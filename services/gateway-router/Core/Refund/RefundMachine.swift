package import Money

/// Something that is now known about a refund. Raw values are those of the contract.
package enum RefundFactKind: Int16, Sendable, Hashable, CaseIterable {
  case pending = 11
  case refunded = 12
  case failed = 13
}

package enum RefundEvent: Sendable, Hashable {
  /// What an answer, a look or a notification shows.
  case outcome(Outcome)
  /// A refund that had succeeded came back.
  case cameBack(code: String)
  /// The proven unexecuted request goes out again.
  case sendAgain
  /// The payment's refunds do not hold it, and nothing can add it any more.
  case absent(RefundAbsence)
  /// What two people have seen at the gateway, where nothing else proves anything.
  case attested(Attestation)
}

/// The proof that a refund never existed: the list of the payment's refunds, read to its end, does not
/// hold it, when no request can be under way and no key is remembered.
package struct RefundAbsence: Sendable, Hashable {
  /// Nil before then.
  /// - Parameter seconds: since a request may have been sent last.
  package init?(listedAfter seconds: Int64, at gateway: GatewayName) {
    guard seconds >= RefundSchedule.absenceSeconds(at: gateway) else { return nil }
  }
}

/// What people must look at.
package enum RefundAlert: String, Sendable, Hashable, CaseIterable {
  case answerConflicts = "refund_answer_conflicts"
  /// Reported done after it was reported failed.
  case succeededAfterFailure = "refund_succeeded_after_failure"
}

/// The life of a refund at its gateway: state × event → state, facts, alerts. Knowledge never goes
/// back; silence, "not found" and contradictions decide nothing.
package enum RefundMachine {
  package struct Step: Sendable, Hashable {
    package var refund: Refund
    /// In order.
    package var facts: [RefundFactKind] = []
    package var alerts: [RefundAlert] = []
  }

  /// nil when the event changes nothing.
  package static func next(_ refund: Refund, _ event: RefundEvent) -> Step? {
    var step = Step(refund: refund)
    switch event {
    case .sendAgain:
      guard refund.state == .queued else { return nil }
      step.refund.state = .sending
    case .cameBack(let code):
      cameBack(code, &step)
    case .outcome(let outcome):
      learn(outcome, &step)
    case .absent:
      guard refund.state == .sending || refund.state == .unknown else { return nil }
      fail(.neverExisted, "", &step)
    case .attested(let attestation):
      attested(attestation.kind, &step)
    }
    return step.refund == refund && step.facts.isEmpty && step.alerts.isEmpty ? nil : step
  }

  /// One that a restore has lost, and that people have seen go back.
  package static func seen(_ id: RefundID, _ amount: Amount, reference: String) -> Step {
    Step(
      refund: Refund(
        id: id, amount: amount, state: .succeeded, hasSucceeded: true, reference: reference),
      facts: [.refunded])
  }

  private static func learn(_ outcome: Outcome, _ step: inout Step) {
    switch outcome {
    case .succeeded(let settled):
      step.refund.reference = step.refund.reference ?? settled.reference
      switch settled.kind {
      case .refunded: succeeded(&step)
      case .received: accepted(&step)
      // No answers to a refund: they say nothing of it.
      case .authorized, .captured, .canceled: unknown(&step)
      }
    case .pending(let pending):
      step.refund.reference = step.refund.reference ?? pending.reference
      accepted(&step)
    case .declined(let decline):
      declined(decline, &step)
    case .notExecuted:
      // Only the first send itself can be proven not executed.
      if step.refund.state == .sending { step.refund.state = .queued }
    case .unknown(let reason):
      unknown(&step)
      guard reason.isConflict, !step.refund.isConflicted else { return }
      step.refund.isConflicted = true
      step.alerts.append(.answerConflicts)
    }
  }

  private static func accepted(_ step: inout Step) {
    switch step.refund.state {
    case .sending, .unknown, .queued:
      step.refund.state = .accepted
      step.facts.append(.pending)
    case .accepted, .succeeded, .failed: break
    }
  }

  private static func succeeded(_ step: inout Step) {
    switch step.refund.state {
    case .sending, .unknown, .queued, .accepted:
      step.refund.state = .succeeded
      step.refund.hasSucceeded = true
      step.facts.append(.refunded)
    case .succeeded: break
    case .failed:
      // After it came back, an old message. Otherwise the money has left although it was said not to:
      // it is told, so that it is booked and no other refund may take its amount.
      guard !step.refund.hasSucceeded else { return }
      step.refund.state = .succeeded
      step.refund.hasSucceeded = true
      step.refund.failure = nil
      step.facts.append(.refunded)
      step.alerts.append(.succeededAfterFailure)
    }
  }

  private static func declined(_ decline: Decline, _ step: inout Step) {
    switch step.refund.state {
    // A refused request says nothing of a refund that the gateway knows already.
    case .accepted, .succeeded:
      guard decline.origin == .bank else { return }
      fail(.init(ofDecline: decline.code), decline.gatewayCode, &step)
    case .sending:
      fail(.init(ofDecline: decline.code), decline.gatewayCode, &step)
    case .unknown, .queued:
      guard decline.origin == .bank else { return }
      fail(.init(ofDecline: decline.code), decline.gatewayCode, &step)
    case .failed: break
    }
  }

  /// It can only come back after it was done: that is told first, so that both are booked.
  private static func cameBack(_ code: String, _ step: inout Step) {
    switch step.refund.state {
    case .sending, .unknown, .queued, .accepted:
      step.refund.hasSucceeded = true
      step.facts.append(.refunded)
      fail(.reversed, code, &step)
    case .succeeded: fail(.reversed, code, &step)
    case .failed: break
    }
  }

  /// Never against what the gateway has decided.
  private static func attested(_ kind: Attestation.Kind, _ step: inout Step) {
    switch (kind, step.refund.state) {
    case (_, .succeeded), (_, .failed), (_, .queued), (.neverExisted, .accepted): return
    case (.refundedAtGateway, _): succeeded(&step)
    case (.canceledAtGateway, _): fail(.canceled, "", &step)
    case (.neverExisted, _): fail(.neverExisted, "", &step)
    }
  }

  private static func fail(
    _ code: Refund.Failure.Code, _ gatewayCode: String, _ step: inout Step
  ) {
    step.refund.state = .failed
    step.refund.failure = Refund.Failure(code: code, gatewayCode: gatewayCode)
    step.facts.append(.failed)
  }

  private static func unknown(_ step: inout Step) {
    // Of two that sent it, one may prove that its own request never left.
    switch step.refund.state {
    case .sending, .queued: step.refund.state = .unknown
    case .accepted, .succeeded, .failed, .unknown: break
    }
  }
}
