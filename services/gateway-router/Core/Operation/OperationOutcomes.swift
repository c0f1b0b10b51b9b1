import Money

/// What outcomes do to attempts.
extension OperationStep {
  mutating func apply(_ outcome: Outcome, to id: AttemptID) throws(OperationRefusal) {
    switch operation.phase {
    case .open(let live, let condemned):
      if let index = live.firstIndex(where: { $0.id == id }) {
        applyToLive(outcome, live, index, condemned)
        return
      }
    case .won(let winner, let condemned):
      if winner.attempt.id == id {
        applyToWinner(outcome, winner, condemned)
        return
      }
    case .closed: break
    }
    guard let index = operation.condemned.firstIndex(where: { $0.id == id }) else {
      throw .attemptUnknown
    }
    applyToCondemned(outcome, index)
  }

  // MARK: Live

  private mutating func applyToLive(
    _ outcome: Outcome,
    _ live: [Attempt],
    _ index: Int,
    _ condemned: [Attempt]
  ) {
    var attempt = live[index]
    let known = attempt.evidence
    reportConflict(outcome, &attempt)
    guard attempt.learn(outcome) || attempt != live[index] else { return }
    follow(attempt, known, outcome, live, index, condemned)
  }

  /// What follows from what a live attempt is now known to be.
  mutating func follow(
    _ attempt: Attempt,
    _ known: Evidence,
    _ outcome: Outcome,
    _ others: [Attempt],
    _ index: Int,
    _ condemned: [Attempt]
  ) {
    var live = others
    live[index] = attempt
    actions.append(.updateAttempt(attempt))
    if attempt.evidence == .authorized || attempt.evidence == .captured {
      live.remove(at: index)
      if known == .notExecuted || known == .canceled || known == .refunded {
        actions.append(.alert(.evidenceContradicted, attempt.id))
      }
      win(attempt, over: live, condemned)
      return
    }
    operation.phase = .open(live: live, condemned: condemned)
    switch attempt.evidence {
    case .unknown where known != .unknown:
      actions.append(.look(attempt.id))
      if !outcome.isConflict { write(.unknown, of: attempt) }
    case .pending where known != .pending: write(.pending, of: attempt)
    case .requiresAction where known != .requiresAction:
      write(.requiresAction, of: attempt) { $0.action = attempt.action }
    default: break
    }
  }

  private mutating func win(_ attempt: Attempt, over others: [Attempt], _ condemned: [Attempt]) {
    var winner = Operation.Winner(attempt: attempt, captures: [], isReleasing: false)
    actions.append(.setWinner(attempt.id))
    for other in others { condemn(other) }
    if attempt.evidence == .captured {
      if attempt.mode == .authorizeOnly { reportUnaskedCapture(attempt) }
      let capture = Capture(
        id: operation.automaticCaptureID,
        amount: operation.amount,
        state: .captured
      )
      winner.captures = [capture]
      actions.append(.insertCapture(capture))
      writeCaptured(capture, attempt)
    } else {
      write(.authorized, of: attempt) { [amount = operation.amount] in $0.amount = amount }
      if operation.captureMethod == .automatic {
        let capture = Capture(id: operation.automaticCaptureID, amount: operation.amount)
        winner.captures = [capture]
        actions.append(.insertCapture(capture))
      }
    }
    operation.phase = .won(winner, condemned: condemned + others)
  }

  // MARK: The winner

  private mutating func applyToWinner(
    _ outcome: Outcome,
    _ winner: Operation.Winner,
    _ condemned: [Attempt]
  ) {
    var winner = winner
    let known = winner.attempt.evidence
    let wasConflicted = winner.attempt.isConflicted
    reportConflict(outcome, &winner.attempt)
    if winner.attempt.isConflicted != wasConflicted {
      actions.append(.updateAttempt(winner.attempt))
      operation.phase = .won(winner, condemned: condemned)
    }
    repeatUndoneCapture(outcome, winner, condemned)
    guard winner.attempt.learn(outcome) else { return }
    switch winner.attempt.evidence {
    case .captured:
      guard known != .captured else { return }
      let amount = outcome.settledAmount ?? operation.amount
      if let index = winner.captures.firstIndex(where: \.isUnderway) {
        winner.captures[index].state = .captured
        actions.append(.updateCapture(winner.captures[index]))
        writeCaptured(winner.captures[index], winner.attempt)
      } else {
        reportUnaskedCapture(winner.attempt)
        let capture = Capture(
          id: unusedCaptureID(winner.captures),
          amount: amount,
          state: .captured
        )
        winner.captures.append(capture)
        actions.append(.insertCapture(capture))
        writeCaptured(capture, winner.attempt)
      }
      actions.append(.updateAttempt(winner.attempt))
      operation.phase = .won(winner, condemned: condemned)
    case .canceled, .declined:
      // Captured money does not go away by a cancel; a declined or void authorisation can.
      guard known != .captured else { return }
      winner.attempt.evidence = .canceled
      for index in winner.captures.indices where winner.captures[index].isUnderway {
        winner.captures[index].state = .failed
        actions.append(.updateCapture(winner.captures[index]))
      }
      actions.append(.updateAttempt(winner.attempt))
      operation.phase = .won(winner, condemned: condemned)
      finishIfPossible()
    // A refund of captured money is not the operation's business.
    case .sent, .unknown, .pending, .requiresAction, .actionSubmitted, .authorized, .refunded,
      .returned, .notExecuted:
      return
    }
  }

  /// A look shows the payment still authorised: a capture whose outcome was unknown is undone.
  private mutating func repeatUndoneCapture(
    _ outcome: Outcome,
    _ winner: Operation.Winner,
    _ condemned: [Attempt]
  ) {
    guard case .succeeded(let settled) = outcome, settled.kind == .authorized,
      winner.attempt.evidence == .authorized,
      let index = winner.captures.firstIndex(where: { $0.state == .unknown })
    else { return }
    var winner = winner
    winner.captures[index].state = .queued
    actions.append(.updateCapture(winner.captures[index]))
    actions.append(.repeatCapture(winner.captures[index].id, isNewTry: true))
    operation.phase = .won(winner, condemned: condemned)
  }

  /// The automatic capture's id is free unless that capture has failed.
  private func unusedCaptureID(_ captures: [Capture]) -> CaptureID {
    var bits = operation.automaticCaptureID.bits
    while captures.contains(where: { $0.id.bits == bits }) { bits &+= 1 }
    return CaptureID(bits: bits)
  }

  // MARK: Reports

  /// Once an attempt: a gateway repeats its contradiction at every look.
  mutating func reportConflict(_ outcome: Outcome, _ attempt: inout Attempt) {
    guard outcome.isConflict, !attempt.isConflicted else { return }
    attempt.isConflicted = true
    write(.conflicted, of: attempt)
    actions.append(.alert(.gatewayAnswerConflicts, attempt.id))
  }

  private mutating func reportUnaskedCapture(_ attempt: Attempt) {
    write(.conflicted, of: attempt)
    actions.append(.alert(.capturedWithoutRequest, attempt.id))
  }

  mutating func writeCaptured(_ capture: Capture, _ attempt: Attempt) {
    write(.captured, of: attempt) {
      $0.amount = capture.amount
      $0.captureID = capture.id
    }
  }
}
