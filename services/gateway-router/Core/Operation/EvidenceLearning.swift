import Money

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
      if evidence == .requiresAction { action = action ?? outcome.payerAction }
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
    // Only the answer to what was handed over asks the payer anew (`answered`).
    case (.actionSubmitted, .requiresAction): false
    case (.declined, .pending): false
    case (.notExecuted, .canceled): false
    default: true
    }
  }

  /// A declined payment whose object is canceled stays declined; its object is dead.
  func merged(over known: Evidence) -> Evidence {
    if case .declined(let decline, _) = known, self == .canceled {
      return .declined(decline, isAlive: false)
    }
    if case .declined(_, let isAlive) = known, !isAlive, case .declined(let decline, _) = self {
      return .declined(decline, isAlive: false)
    }
    return self
  }
}

extension Attempt {
  /// Takes in what the gateway answered when it was handed what the payer brought back. What is proven
  /// not to have been executed, refused as a request included, leaves the payer where they were; a new
  /// action asks them anew.
  mutating func learn(answered outcome: Outcome) {
    // A gateway may name the payment only now, or anew.
    if let named = outcome.reference { reference = named }
    switch outcome {
    case .notExecuted: evidence = .requiresAction
    case .declined(let decline) where decline.origin == .request: evidence = .requiresAction
    case .pending(let pending):
      guard case .action(let next) = pending.kind else {
        _ = learn(outcome)
        return
      }
      action = next
      evidence = .requiresAction
    // With capture at once the money is on its way; a notification tells when it is there.
    case .succeeded(let settled) where settled.kind == .authorized && mode == .charge:
      _ = learn(.pending(Pending(reference: settled.reference, kind: .bank)))
    case .succeeded, .declined, .unknown: _ = learn(outcome)
    }
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
