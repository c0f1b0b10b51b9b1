import Money

/// The life of an operation as data: operation × event → verdict. Pure.
///
/// Rules that no event breaks: a winner is set only while the operation is open, and once; a condemned
/// attempt never wins, a winner is never condemned; unknown never replaces what is known; the last
/// fact waits until every attempt has negative evidence.
package enum OperationMachine {
  package static func next(_ operation: Operation, _ event: OperationEvent) -> OperationVerdict {
    var step = OperationStep(operation)
    do throws(OperationRefusal) {
      switch event {
      case .start(let attempt, let allowsSpeculation):
        try step.start(attempt, allowsSpeculation: allowsSpeculation)
      case .recovered(let attempt): try step.recover(attempt)
      case .outcome(let id, let outcome): try step.apply(outcome, to: id)
      case .submitAction(let id): try step.submitAction(of: id)
      case .actionOutcome(let id, let outcome): try step.apply(outcome, toActionOf: id)
      case .attested(let id, let attestation): try step.apply(attestation, to: id)
      case .returned(let id, let back): try step.apply(back, toCondemned: id)
      case .routesExhausted: try step.exhaust()
      case .close(let reason, let onlyIfUnsent): step.close(reason, onlyIfUnsent: onlyIfUnsent)
      case .requestCapture(let id, let amount): try step.requestCapture(id, amount)
      case .captureOutcome(let id, let outcome): try step.apply(outcome, toCapture: id)
      case .withdrawCapture(let id, let decline): try step.withdraw(id, decline)
      }
    } catch {
      return .refused(error)
    }
    return step.actions.isEmpty && step.operation == operation
      ? .unchanged : .moved(step.operation, step.actions)
  }
}

/// One event's work: the operation as it becomes, and what the shell is to do.
struct OperationStep {
  var operation: Operation
  var actions: [OperationAction] = []

  init(_ operation: Operation) { self.operation = operation }

  mutating func write(
    _ kind: Fact.Kind,
    of attempt: Attempt?,
    _ fill: (inout Fact) -> Void = { _ in }
  ) {
    operation.factCount += 1
    var fact = Fact(kind, sequence: operation.factCount, of: attempt)
    fill(&fact)
    actions.append(.writeFact(fact))
  }

  // MARK: A new attempt

  mutating func start(
    _ new: NewAttempt,
    allowsSpeculation: Bool
  ) throws(OperationRefusal) {
    guard case .open(let live, let condemned) = operation.phase else { throw .notOpen }
    let count = live.count + condemned.count
    guard count < Operation.attemptsMax else { throw .tooManyAttempts }
    for earlier in live {
      try checkAllowsAnother(earlier, new, allowsSpeculation: allowsSpeculation)
    }
    // One that captures by itself may only be alone: whatever else is not proven dead could be money.
    guard new.mode == .authorizeOnly || (live + condemned).allSatisfy(\.evidence.isResolved) else {
      throw .outcomeUnknown
    }
    let attempt = Attempt(
      id: new.id,
      sequence: count + 1,
      gateway: new.gateway,
      account: new.account,
      mode: new.mode
    )
    let (dead, suspects) = (
      live.filter(\.evidence.isNegative), live.filter { !$0.evidence.isNegative }
    )
    operation.phase = .open(live: suspects + [attempt], condemned: condemned + dead)
    for earlier in dead { condemn(earlier) }
    actions.append(.insertAttempt(attempt))
  }

  /// It was started under the rules of `start` once; of the others some may be lost as well.
  mutating func recover(_ found: NewAttempt) throws(OperationRefusal) {
    guard case .open(let live, let condemned) = operation.phase else { throw .notOpen }
    let count = live.count + condemned.count
    guard count < Operation.attemptsMax else { throw .tooManyAttempts }
    guard !(live + condemned).contains(where: { $0.id == found.id }) else {
      throw .attemptUnderway
    }
    let attempt = Attempt(
      id: found.id, sequence: count + 1, gateway: found.gateway, account: found.account,
      mode: found.mode)
    operation.phase = .open(live: live + [attempt], condemned: condemned)
    actions.append(.insertAttempt(attempt))
  }

  private func checkAllowsAnother(
    _ earlier: Attempt,
    _ new: NewAttempt,
    allowsSpeculation: Bool
  ) throws(OperationRefusal) {
    switch earlier.evidence {
    case .notExecuted, .canceled, .refunded, .returned: return
    case .declined(let decline, let isAlive):
      guard decline.class == .otherGateway else { throw .declineForbids(decline.class) }
      if isAlive && earlier.mode == .charge { throw .chargeAlive }
    case .unknown:
      guard earlier.mode == .authorizeOnly else { throw .chargeAlive }
      guard allowsSpeculation && new.mode == .authorizeOnly else { throw .outcomeUnknown }
    case .sent, .pending, .requiresAction, .actionSubmitted, .authorized, .captured:
      throw .attemptUnderway
    }
  }

  mutating func condemn(_ attempt: Attempt) {
    actions.append(.condemn(attempt.id, needsReversal: !attempt.evidence.isResolved))
  }

  // MARK: The end

  /// No gateway is left. Closes when every live attempt has negative evidence; what is unknown or
  /// pending keeps it open.
  mutating func exhaust() throws(OperationRefusal) {
    guard case .open(let live, let condemned) = operation.phase else { throw .notOpen }
    guard live.allSatisfy(\.evidence.isNegative) else { return }
    let reason: Operation.CloseReason = live.isEmpty && condemned.isEmpty ? .abandoned : .exhausted
    shut(reason, live, condemned)
  }

  mutating func close(_ reason: Operation.CloseReason, onlyIfUnsent: Bool) {
    switch operation.phase {
    case .open(let live, let condemned):
      guard !onlyIfUnsent || (live + condemned).isEmpty else { return }
      shut(reason, live, condemned)
    case .won(var winner, let condemned):
      // The winner is never condemned: an authorisation without a capture is released instead.
      guard !onlyIfUnsent, !winner.isReleasing, winner.attempt.evidence == .authorized,
        winner.captures.allSatisfy({ $0.state == .failed })
      else { return }
      winner.isReleasing = true
      operation.phase = .won(winner, condemned: condemned)
      actions.append(.insertRelease(winner.attempt.id))
    case .closed: return
    }
  }

  private mutating func shut(
    _ reason: Operation.CloseReason,
    _ live: [Attempt],
    _ condemned: [Attempt]
  ) {
    operation.phase = .closed(reason, condemned: condemned + live)
    for attempt in live {
      // Nobody waits for its payer any more, and what they do now is not known here.
      if reason == .gaveUp, attempt.evidence == .requiresAction { write(.unknown, of: attempt) }
      condemn(attempt)
    }
    finishIfPossible()
  }

  /// Writes the last fact once every attempt has negative evidence.
  mutating func finishIfPossible() {
    // What is canceled must not come back: there a declined object has to be dead as well.
    let isOver = { [phase = operation.phase] (evidence: Evidence) in
      if case .closed(.canceled, _) = phase { evidence.isResolved } else { evidence.isNegative }
    }
    guard !operation.isFinal, operation.condemned.allSatisfy({ isOver($0.evidence) }) else {
      return
    }
    switch operation.phase {
    case .open: return
    case .won(let winner, _):
      guard winner.attempt.evidence.isNegative else { return }
      operation.isFinal = true
      // What nobody here gave back ended at the gateway: expired, or released there by people.
      write(winner.isReleasing ? .canceled : .expired, of: winner.attempt)
    case .closed(let reason, let attempts):
      operation.isFinal = true
      writeLast(reason, attempts.sorted { $0.sequence < $1.sequence })
    }
  }

  private mutating func writeLast(_ reason: Operation.CloseReason, _ attempts: [Attempt]) {
    let declined = attempts.last { $0.evidence.decline != nil }
    if reason == .canceled {
      write(.canceled, of: attempts.last)
    } else if let declined {
      write(.declined, of: declined) { $0.decline = declined.evidence.decline }
    } else if attempts.allSatisfy({ $0.evidence == .notExecuted }) {
      write(.notExecuted, of: attempts.last)
    } else {
      write(.canceled, of: attempts.last)
    }
  }
}
