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
    var live = live
    var attempt = live[index]
    let known = attempt.evidence
    reportConflict(outcome, &attempt)
    guard attempt.learn(outcome) || attempt != live[index] else { return }
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
      write(.requiresAction, of: attempt) { $0.action = outcome.payerAction }
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
    case .sent, .unknown, .pending, .requiresAction, .authorized, .refunded, .returned,
      .notExecuted:
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

  // MARK: Condemned

  /// A condemned attempt never wins. What it holds is given back; what it took is an orphan.
  private mutating func applyToCondemned(_ outcome: Outcome, _ index: Int) {
    var attempt = operation.condemned[index]
    reportConflict(outcome, &attempt)
    if attempt.evidence == .returned, case .succeeded(let settled) = outcome,
      settled.kind == .refunded
    {
      actions.append(.alert(.orphanPaidBackTwice, attempt.id))
    }
    guard attempt.learn(outcome) || attempt != operation.condemned[index] else { return }
    settleCondemned(attempt, at: index, outcome.settledAmount)
  }

  /// What the payer's bank took back needs no refund: that is how it was given back, and nothing of
  /// ours may follow. Of the winner a return is a fact of its own (`ReturnRule`).
  mutating func apply(
    _ back: BankReturn, toCondemned id: AttemptID
  ) throws(OperationRefusal) {
    guard let index = operation.condemned.firstIndex(where: { $0.id == id }) else {
      throw .attemptUnknown
    }
    var attempt = operation.condemned[index]
    switch attempt.evidence {
    case .returned: return
    case .refunded: actions.append(.alert(.orphanPaidBackTwice, id))
    default:
      attempt.evidence = .returned
      settleCondemned(attempt, at: index, back.amount, back)
    }
  }

  /// What the attempt is now known to be, with what follows from it.
  private mutating func settleCondemned(
    _ news: Attempt, at index: Int, _ amount: Amount?, _ back: BankReturn? = nil
  ) {
    var attempt = news
    let known = operation.condemned[index].evidence
    let isNews = attempt.evidence != known
    let isOrphan =
      isNews && attempt.orphanMinor == nil
      && attempt.evidence.tookMoney
    if isOrphan { attempt.orphanMinor = (amount ?? operation.amount).minor }
    replaceCondemned(at: index, with: attempt)
    actions.append(.updateAttempt(attempt))
    guard isNews else { return }
    if isOrphan { writeOrphan(.orphanCaptured, attempt, back) }
    switch attempt.evidence {
    case .authorized, .pending, .requiresAction:
      actions.append(.ensureReversal(attempt.id))
    case .captured:
      actions.append(.alert(.orphanCaptured, attempt.id))
      actions.append(.ensureReversal(attempt.id))
    case .declined, .notExecuted, .canceled, .refunded, .returned:
      if attempt.evidence.tookMoney {
        writeOrphan(.orphanReversed, attempt, back)
        actions.append(.resolve(.orphanCaptured, attempt.id))
      }
      if attempt.evidence.isResolved && !known.isResolved {
        actions.append(.finishReversal(attempt.id))
      }
      finishIfPossible()
    case .sent, .unknown: break
    }
  }

  /// Both with the same amount, so that the books of the two balance.
  private mutating func writeOrphan(
    _ kind: Fact.Kind, _ attempt: Attempt, _ back: BankReturn?
  ) {
    write(kind, of: attempt) { [amount = operation.amount(of: attempt)] in
      $0.amount = amount
      $0.bankReturn = kind == .orphanReversed ? back : nil
      $0.occurredAt = back?.occurredAt
    }
  }

  // MARK: What people have seen

  mutating func apply(
    _ attestation: Attestation, to id: AttemptID
  ) throws(OperationRefusal) {
    do throws(ResolutionRule.Refusal) {
      try ResolutionRule.check(attestation.kind, about: id, in: operation)
    } catch { throw .attestationRefused }
    let shown: Evidence =
      switch attestation.kind {
      case .canceledAtGateway: .canceled
      case .refundedAtGateway: .refunded
      case .neverExisted: .notExecuted
      }
    if case .won(var winner, let condemned) = operation.phase, winner.attempt.id == id {
      winner.attempt.evidence = shown
      actions.append(.updateAttempt(winner.attempt))
      actions.append(.finishReversal(id))
      operation.phase = .won(winner, condemned: condemned)
      finishIfPossible()
      return
    }
    guard let index = operation.condemned.firstIndex(where: { $0.id == id }) else {
      throw .attemptUnknown
    }
    var attempt = operation.condemned[index]
    attempt.evidence = shown.merged(over: attempt.evidence)
    settleCondemned(attempt, at: index, nil)
  }

  private mutating func replaceCondemned(at index: Int, with attempt: Attempt) {
    var condemned = operation.condemned
    condemned[index] = attempt
    switch operation.phase {
    case .open(let live, _): operation.phase = .open(live: live, condemned: condemned)
    case .won(let winner, _): operation.phase = .won(winner, condemned: condemned)
    case .closed(let reason, _): operation.phase = .closed(reason, condemned: condemned)
    }
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

extension Attempt {
  /// Takes in what an outcome shows. False if it shows nothing new: unknown never replaces knowledge,
  /// an old message never takes money back.
  mutating func learn(_ outcome: Outcome) -> Bool {
    let before = self
    if let reference = outcome.reference { self.reference = self.reference ?? reference }
    guard let shown = outcome.evidence(traits: gateway.traits, reference: reference) else {
      return self != before
    }
    if evidence.yields(to: shown) || (outcome.provesAbsence && !evidence.isKnown) {
      evidence = shown.merged(over: evidence)
    }
    return self != before
  }
}

extension Evidence {
  /// Whether `shown` is news beside what is known.
  fileprivate func yields(to shown: Evidence) -> Bool {
    switch (self, shown) {
    case (.sent, _): true
    case (_, .sent): false
    case (_, .unknown): false
    // Only the first send itself can be proven not executed or refused as a request.
    case (_, .notExecuted): false
    case (_, .declined(let decline, _)) where decline.origin == .request: false
    // Money that was taken stays taken until a refund is proven.
    case (.captured, .refunded): true
    case (.captured, _): false
    case (.refunded, _), (.returned, _): false
    case (_, .captured), (_, .refunded): true
    case (.canceled, .authorized): true
    case (.canceled, _): false
    case (.authorized, .pending), (.authorized, .requiresAction): false
    case (.declined, .pending): false
    case (.notExecuted, .canceled): false
    default: true
    }
  }

  /// A declined payment whose object is canceled stays declined; its object is dead.
  fileprivate func merged(over known: Evidence) -> Evidence {
    if case .declined(let decline, _) = known, self == .canceled {
      return .declined(decline, isAlive: false)
    }
    if case .declined(_, let isAlive) = known, !isAlive, case .declined(let decline, _) = self {
      return .declined(decline, isAlive: false)
    }
    return self
  }
}

extension Evidence {
  /// Something explicit was seen.
  fileprivate var isKnown: Bool { self != .sent && self != .unknown }
}

extension Outcome {
  fileprivate var provesAbsence: Bool {
    if case .notExecuted(let proof) = self { proof.kind == .neverExisted } else { false }
  }

  package var isConflict: Bool {
    if case .unknown(let reason) = self { reason.isConflict } else { false }
  }

  /// The gateway's id, where the outcome carries one of the payment itself.
  package var reference: String? {
    switch self {
    case .succeeded(let settled):
      settled.kind == .received || settled.kind == .refunded ? nil : settled.reference
    case .pending(let pending): pending.reference
    case .declined(let decline): decline.gatewayReference
    case .unknown(.undecided(let reference)): reference
    case .notExecuted, .unknown: nil
    }
  }

  var settledAmount: Amount? {
    if case .succeeded(let settled) = self { settled.amount } else { nil }
  }

  var payerAction: PayerAction? {
    if case .pending(let pending) = self, case .action(let action) = pending.kind {
      action
    } else {
      nil
    }
  }

  /// What the outcome shows of the payment; nil if nothing.
  fileprivate func evidence(traits: GatewayTraits, reference: String?) -> Evidence? {
    switch self {
    case .succeeded(let settled):
      switch settled.kind {
      case .authorized: .authorized
      case .captured: .captured
      case .canceled: .canceled
      case .refunded: .refunded
      case .received: nil
      }
    case .pending(let pending): pending.kind == .bank ? .pending : .requiresAction
    case .declined(let decline):
      .declined(decline, isAlive: traits.keepsDeclinedObjects && reference != nil)
    case .notExecuted(let proof):
      proof.kind == .fenced ? .canceled : .notExecuted
    case .unknown: .unknown
    }
  }
}
