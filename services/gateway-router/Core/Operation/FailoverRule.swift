package import Money

/// What a live call does next about the attempt it has just heard of.
package enum FailoverStep: Sendable, Hashable {
  /// The same request under the same key; only while the attempt is the operation's only one.
  case replay
  /// Read by the gateway's id.
  case get(reference: String)
  /// Search the gateway's list for our reference.
  case find
  /// Cancel by the gateway's id: only the answer `canceled` fences.
  case fence(reference: String)
  /// The next gateway. `speculative`: beside an attempt whose outcome is unknown.
  case start(speculative: Bool)
  /// No gateway is left; the operation closes if nothing is unknown.
  case exhaust
  /// Nothing more in this call: it answers what is known, and jobs go on.
  case answer
}

/// How a call spends its time, in milliseconds since it began: probe and send, fence, second
/// authorisation, commit (DESIGN section 9).
package enum FailoverBudget {
  package static let probeUntil: Int64 = 2_000
  package static let fenceUntil: Int64 = 2_700
  package static let secondUntil: Int64 = 4_500
  /// Left for the last commit and the way back.
  package static let commitMilliseconds: Int64 = 300
  /// A second gateway is not asked with less.
  package static let secondNeeds: Int64 = 1_200
  /// Nothing is asked with less.
  package static let askNeeds: Int64 = 150
  /// Between a try and its repetition under the same key.
  package static let replayPause: Int64 = 100
}

/// What a call has done about an attempt so far, and what it may do.
package struct FailoverSituation: Sendable, Hashable {
  package var replays = 0
  package var isLooked = false
  package var isFenced = false
  /// Another gateway is left on the route.
  package var hasNext: Bool
  /// The merchant's policy for a payment of this kind.
  package var allowsSpeculation = false
  package var sendWindowIsOpen = true
  /// Whether the process may still ask again what it has asked: its retry budget.
  package var allowsRetry = true
  package var elapsedMilliseconds: Int64 = 0

  package init(hasNext: Bool) { self.hasNext = hasNext }

  /// Until when the attempt may be probed; without another gateway all the time is for this one.
  package var probeUntil: Int64 {
    hasNext ? FailoverBudget.probeUntil : FailoverBudget.secondUntil
  }
  package var lookUntil: Int64 {
    hasNext ? FailoverBudget.fenceUntil : FailoverBudget.secondUntil
  }

  fileprivate func hasTime(until end: Int64, for needed: Int64) -> Bool {
    elapsedMilliseconds + needed <= end
  }
}

/// From an attempt's evidence to a live call's next step. Pure.
///
/// Order for an unknown outcome: the same request again while the attempt is alone; a look; a fence;
/// then a second authorisation beside it, if the merchant's policy allows one.
package enum FailoverRule {
  package static func step(
    about id: AttemptID, in operation: Operation, _ situation: FailoverSituation
  ) -> FailoverStep {
    guard case .open(let live, _) = operation.phase,
      let attempt = live.first(where: { $0.id == id })
    else { return .answer }
    switch attempt.evidence {
    case .notExecuted, .canceled, .refunded, .returned: return next(situation)
    case .declined(let decline, let isAlive):
      guard decline.class == .otherGateway, situation.hasNext else { return .exhaust }
      guard isAlive else { return next(situation) }
      // The payer could confirm the declined object again (interleavings 14).
      if let fence = fence(attempt, situation) { return fence }
      return attempt.mode == .charge ? .exhaust : next(situation)
    case .unknown:
      return attempt.isConflicted ? .answer : unknown(attempt, operation, situation)
    // What the payer has done, or will do, is known at this gateway alone.
    case .sent, .pending, .requiresAction, .actionSubmitted, .authorized, .captured: return .answer
    }
  }

  private static func next(_ situation: FailoverSituation) -> FailoverStep {
    situation.hasNext && situation.sendWindowIsOpen
      && situation.hasTime(until: FailoverBudget.secondUntil, for: FailoverBudget.secondNeeds)
      ? .start(speculative: false) : .exhaust
  }

  private static func unknown(
    _ attempt: Attempt, _ operation: Operation, _ situation: FailoverSituation
  ) -> FailoverStep {
    let traits = attempt.gateway.traits
    let mayRepeat = !situation.hasNext || situation.replays == 0
    if mayRepeat, situation.allowsRetry, situation.sendWindowIsOpen, operation.hasOnly(attempt.id),
      !(traits.findsByReference && situation.replays > 0 && !situation.isLooked),
      situation.hasTime(
        until: situation.probeUntil, for: FailoverBudget.askNeeds + FailoverBudget.replayPause)
    {
      return .replay
    }
    if !situation.isLooked, situation.allowsRetry,
      situation.hasTime(until: situation.lookUntil, for: FailoverBudget.askNeeds)
    {
      if let reference = attempt.reference, traits.canGet { return .get(reference: reference) }
      if traits.findsByReference { return .find }
    }
    guard situation.hasNext else { return .answer }
    if let fence = fence(attempt, situation) { return fence }
    if situation.allowsSpeculation, situation.sendWindowIsOpen, attempt.mode == .authorizeOnly,
      situation.hasTime(until: FailoverBudget.secondUntil, for: FailoverBudget.secondNeeds)
    {
      return .start(speculative: true)
    }
    return .answer
  }

  /// Adyen's cancel answers only `received`: it cannot fence within a call.
  private static func fence(
    _ attempt: Attempt, _ situation: FailoverSituation
  ) -> FailoverStep? {
    guard !situation.isFenced, attempt.gateway.traits.cancelAnswersAtOnce,
      let reference = attempt.reference,
      situation.hasTime(until: FailoverBudget.fenceUntil, for: FailoverBudget.askNeeds)
    else { return nil }
    return .fence(reference: reference)
  }
}

extension Operation {
  /// No other attempt of the operation ever left, so that a repetition of this one is the best look.
  package func hasOnly(_ id: AttemptID) -> Bool {
    guard case .open(let live, let condemned) = phase else { return false }
    return live.count == 1 && live[0].id == id
      && condemned.allSatisfy { $0.evidence == .notExecuted }
  }
}
