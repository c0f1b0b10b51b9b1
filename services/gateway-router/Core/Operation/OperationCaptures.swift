import Money

/// Captures of the winner: one, in full or in part, never at another gateway.
extension OperationStep {
  /// - Throws: `notWon`, `captureMismatch`, `releasing`, `captureExists`, `currencyMismatch`,
  ///   `amountNotPositive`, `amountTooLarge`.
  mutating func requestCapture(
    _ id: CaptureID,
    _ amount: Amount
  ) throws(OperationRefusal) {
    guard case .won(var winner, let condemned) = operation.phase else { throw .notWon }
    if let existing = winner.captures.first(where: { $0.id == id }) {
      guard existing.amount == amount else { throw .captureMismatch }
      return
    }
    guard !winner.isReleasing, !winner.attempt.evidence.isNegative else { throw .releasing }
    guard winner.captures.allSatisfy({ $0.state == .failed }) else { throw .captureExists }
    guard amount.currency == operation.amount.currency else { throw .currencyMismatch }
    guard amount.minor > 0 else { throw .amountNotPositive }
    guard amount.minor <= operation.amount.minor else { throw .amountTooLarge }
    let capture = Capture(id: id, amount: amount)
    winner.captures.append(capture)
    operation.phase = .won(winner, condemned: condemned)
    actions.append(.insertCapture(capture))
  }

  /// - Throws: `notWon`, `captureUnknown`.
  mutating func apply(
    _ outcome: Outcome,
    toCapture id: CaptureID
  ) throws(OperationRefusal) {
    guard case .won(var winner, let condemned) = operation.phase else { throw .notWon }
    guard let index = winner.captures.firstIndex(where: { $0.id == id }) else {
      throw .captureUnknown
    }
    var capture = winner.captures[index]
    let known = capture.state
    if case .succeeded(let settled) = outcome, settled.kind == .canceled {
      // The authorisation is gone, and the capture with it.
      try apply(outcome, to: winner.attempt.id)
      return
    }
    switch outcome {
    case .succeeded(let settled): capture.state = captured(settled, known) ?? known
    case .pending: if known == .queued || known == .unknown { capture.state = .sent }
    case .declined(let decline): refuse(&capture, decline, winner.attempt)
    case .notExecuted:
      // Of this request only; an earlier one may have been executed.
      if known == .queued { actions.append(.repeatCapture(id, isNewTry: false)) }
      if known == .unknown { actions.append(.look(winner.attempt.id)) }
    case .unknown:
      let wasConflicted = winner.attempt.isConflicted
      reportConflict(outcome, &winner.attempt)
      if winner.attempt.isConflicted != wasConflicted {
        actions.append(.updateAttempt(winner.attempt))
      }
      if known == .queued { capture.state = .unknown }
      if known != .captured && known != .failed { actions.append(.look(winner.attempt.id)) }
    }
    if capture.state != known {
      actions.append(.updateCapture(capture))
      if capture.state == .captured {
        winner.attempt.evidence = .captured
        actions.append(.updateAttempt(winner.attempt))
        writeCaptured(capture, winner.attempt)
      }
    }
    winner.captures[index] = capture
    operation.phase = .won(winner, condemned: condemned)
  }

  /// A capture that waits to be sent fails for good, and its authorisation is released. One whose
  /// request went out may have taken the money: only a look or a notification ends it.
  /// - Throws: `notWon`, `captureUnknown`.
  mutating func withdraw(_ id: CaptureID, _ decline: Decline) throws(OperationRefusal) {
    guard case .won(var winner, let condemned) = operation.phase else { throw .notWon }
    guard let index = winner.captures.firstIndex(where: { $0.id == id }) else {
      throw .captureUnknown
    }
    guard winner.captures[index].state == .queued else { return }
    write(.captureFailed, of: winner.attempt) { [capture = winner.captures[index]] in
      $0.amount = capture.amount
      $0.captureID = capture.id
      $0.decline = decline
    }
    winner.captures[index].state = .failed
    actions.append(.updateCapture(winner.captures[index]))
    operation.phase = .won(winner, condemned: condemned)
    close(.canceled, onlyIfUnsent: false)
  }

  private func captured(_ settled: Settled, _ known: Capture.State) -> Capture.State? {
    switch settled.kind {
    case .captured: known == .failed ? nil : .captured
    case .received: known == .queued || known == .unknown ? .sent : nil
    case .authorized, .canceled, .refunded: nil
    }
  }

  /// A refused request proves nothing about the payment (an earlier try may have captured): look. The
  /// bank's or the network's no is final, also after a success was reported.
  private mutating func refuse(_ capture: inout Capture, _ decline: Decline, _ attempt: Attempt) {
    guard capture.state != .failed else { return }
    guard decline.origin == .bank else {
      if capture.state != .captured {
        capture.state = .unknown
        actions.append(.look(attempt.id))
      }
      return
    }
    if capture.state == .captured { actions.append(.alert(.captureFailedLate, attempt.id)) }
    let failed = capture
    write(.captureFailed, of: attempt) {
      $0.amount = failed.amount
      $0.captureID = failed.id
      $0.decline = decline
    }
    capture.state = .failed
  }
}
