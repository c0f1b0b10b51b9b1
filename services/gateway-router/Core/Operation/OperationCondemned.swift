import Money

/// Attempts beside the payment: what they hold is given back, what they took is an orphan.
extension OperationStep {
  /// A condemned attempt never wins. What it holds is given back; what it took is an orphan.
  mutating func applyToCondemned(_ outcome: Outcome, _ index: Int) {
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
    case .returned, .refunded: actions.append(.alert(.orphanPaidBackTwice, id))
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
    case .authorized, .pending, .requiresAction, .actionSubmitted:
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
}
