package import Money

/// What the payer brings back from their action. It is handed to the gateway that asked for it, once: the
/// commit of `submitAction` comes before the first byte, and whatever the answer leaves unknown is only
/// looked at from then on.
extension OperationStep {
  /// - Throws: `noAction`, `tooManyResults`.
  mutating func submitAction(of id: AttemptID) throws(OperationRefusal) {
    guard case .open(var live, let condemned) = operation.phase,
      let index = live.firstIndex(where: { $0.id == id }), live[index].evidence == .requiresAction
    else { throw .noAction }
    guard live[index].actionTries < Attempt.actionTriesMax else { throw .tooManyResults }
    live[index].evidence = .actionSubmitted
    live[index].actionTries += 1
    operation.phase = .open(live: live, condemned: condemned)
    actions.append(.updateAttempt(live[index]))
    write(.unknown, of: live[index])
  }

  /// - Throws: `attemptUnknown`.
  mutating func apply(_ outcome: Outcome, toActionOf id: AttemptID) throws(OperationRefusal) {
    guard case .open(let live, let condemned) = operation.phase,
      let index = live.firstIndex(where: { $0.id == id }),
      live[index].evidence == .actionSubmitted
    else {
      // Decided meanwhile, by a notification or by giving up: the answer is one more word about it,
      // unless it is about this request alone. Of a winner it is no look: its capture may be younger.
      guard outcome.isAboutPayment, !isOldWord(outcome, of: id) else { return }
      try apply(outcome, to: id)
      return
    }
    var attempt = live[index]
    if outcome.isAnotherPayments {
      // Nothing was said of this one: its payer may still bring its own.
      attempt.evidence = .requiresAction
      actions.append(.alert(.payerResultConflicts, id))
    } else {
      reportConflict(outcome, &attempt)
      attempt.learn(answered: outcome)
      if attempt.actionTries > 1, !attempt.evidence.isWithPayer {
        actions.append(.resolve(.payerResultConflicts, id))
      }
    }
    guard attempt != live[index] else { return }
    follow(attempt, .actionSubmitted, outcome, live, index, condemned)
  }

  private func isOldWord(_ outcome: Outcome, of id: AttemptID) -> Bool {
    guard operation.winner?.attempt.id == id, case .succeeded(let settled) = outcome else {
      return false
    }
    return settled.kind == .authorized
  }
}

extension Outcome {
  /// Not about the request alone, whose refusal says nothing of the payment.
  fileprivate var isAboutPayment: Bool {
    switch self {
    case .notExecuted: false
    case .declined(let decline): decline.origin == .bank
    case .pending(let pending): pending.kind == .bank
    case .unknown: !isAnotherPayments
    case .succeeded: true
    }
  }

  /// What was handed over belongs to another payment.
  fileprivate var isAnotherPayments: Bool {
    if case .unknown(.conflicted(.reference)) = self { true } else { false }
  }
}

/// What a payer's return asks for. Pure.
package enum ActionStep: Sendable, Hashable {
  /// The gateway knows what the payer did: a look, by its id.
  case look(AttemptID)
  /// Hand over what they brought back.
  case submit(AttemptID)
  /// Nothing waits for them, or what is needed is missing.
  case nothing
}

package enum ActionRule {
  /// - Parameter maySubmit: no restore forbids it, and the operation is not yet to be given up: what is
  ///   handed over later could only be given back.
  package static func step(
    in operation: Operation, hasResult: Bool, maySubmit: Bool
  ) -> ActionStep {
    guard case .open(let live, _) = operation.phase else { return .nothing }
    // Two where the second one was begun beside an unknown first: what was brought tells which.
    let waiting = live.filter(\.evidence.isWithPayer)
    let asking = waiting.last {
      $0.evidence == .requiresAction && $0.gateway.traits.actionResultParameter != nil
    }
    if let asking, hasResult, maySubmit { return .submit(asking.id) }
    let knowing = waiting.last {
      let traits = $0.gateway.traits
      return traits.actionResultParameter == nil && traits.canGet && $0.reference != nil
    }
    return knowing.map { .look($0.id) } ?? .nothing
  }
}
