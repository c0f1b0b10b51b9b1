package import Money

/// A payment method that is made ready for payments without its payer, at one gateway; no money
/// moves. One request for ever, under a key derived from the id.
package struct SetupIntent: Sendable, Hashable {
  /// Raw values are those of the contract and of SQL.
  package enum State: Int16, Sendable, Hashable, CaseIterable {
    /// A request may be on its way, or its outcome is unknown, or the bank has it.
    case processing = 1
    /// The gateway lets the method be used without its payer.
    case succeeded = 2
    /// Proven: it does not, or was never asked.
    case failed = 3
    /// Given up. It says nothing of the method.
    case canceled = 4
  }

  package struct Failure: Sendable, Hashable {
    /// Tender's code: those of declines, and the ones below.
    package var code: String
    /// The gateway's own code, for people.
    package var gatewayCode: String

    package init(code: String, gatewayCode: String = "") {
      self.code = code
      self.gatewayCode = gatewayCode
    }

    /// vault-token has no such method of this merchant.
    package static let methodNotFound = Failure(code: "payment_method_not_found")
    /// A debit needs its payer's mandate, which no gateway can be asked for here.
    package static let methodNotSupported = Failure(code: "payment_method_not_supported")
    /// None that the settings name holds the method, or not the one that was named.
    package static let noGateway = Failure(code: "no_gateway_available")
    /// The card networks allow no further try with this card now.
    package static let networkLimit = Failure(code: NetworkCeiling.code)
    /// The one request was never executed: a new set-up may be tried.
    package static let notExecuted = Failure(code: "not_executed")
    /// The bank wants to see the payer, who is not here.
    package static let payerNeeded = Failure(code: "authentication_required")
    /// It was canceled at the gateway.
    package static let canceledAtGateway = Failure(code: "canceled_at_gateway")
    /// Nobody knows what the gateway did, and it is asked no longer.
    package static let outcomeUnknown = Failure(code: "outcome_unknown")
  }

  package let id: SetupIntentID
  package internal(set) var state: State
  /// The gateway's id, once learned.
  package internal(set) var reference: String?
  /// Of what failed or was canceled.
  package internal(set) var failure: Failure?
  /// The request may have gone out more than once: then the fate of one sending proves nothing.
  package let wasRepeated: Bool

  package init(
    id: SetupIntentID, state: State = .processing, reference: String? = nil,
    failure: Failure? = nil, wasRepeated: Bool = false
  ) {
    self.id = id
    self.wasRepeated = wasRepeated
    self.state = state
    self.reference = reference
    self.failure = failure
  }

  package var isDecided: Bool { state != .processing }
}

/// Something that is now known about a set-up.
package enum SetupEvent: Sendable, Hashable {
  /// What an answer, a look or a notification shows.
  case outcome(Outcome)
  /// It ends before any gateway was asked.
  case refused(SetupIntent.Failure)
  /// Whatever happened at the gateway is asked for no longer.
  case givenUp
}

/// The life of a set-up: state × event → state. What is decided stays decided.
package enum SetupMachine {
  /// - Returns: nil when nothing changes.
  package static func next(_ setup: SetupIntent, _ event: SetupEvent) -> SetupIntent? {
    guard !setup.isDecided else { return nil }
    var next = setup
    switch event {
    case .refused(let failure): end(&next, .failed, failure)
    case .givenUp: end(&next, .canceled, .outcomeUnknown)
    case .outcome(let outcome): learn(outcome, &next)
    }
    return next == setup ? nil : next
  }

  private static func learn(_ outcome: Outcome, _ setup: inout SetupIntent) {
    switch outcome {
    case .succeeded(let settled):
      setup.reference = settled.reference
      switch settled.kind {
      case .authorized: setup.state = .succeeded
      case .canceled: end(&setup, .canceled, .canceledAtGateway)
      // Of a payment, not of this.
      case .captured, .refunded, .received: break
      }
    case .pending(let pending):
      setup.reference = pending.reference
      if case .action = pending.kind { end(&setup, .failed, .payerNeeded) }
    // A slow first sending that was refused, while its repetition may have acted.
    case .declined(let decline) where decline.origin == .request && setup.wasRepeated: break
    case .notExecuted where setup.wasRepeated: break
    case .declined(let decline):
      setup.reference = decline.gatewayReference ?? setup.reference
      end(
        &setup, .failed,
        SetupIntent.Failure(code: decline.code, gatewayCode: decline.gatewayCode))
    case .notExecuted: end(&setup, .failed, .notExecuted)
    case .unknown(.undecided(let reference)): setup.reference = reference
    case .unknown: break
    }
  }

  private static func end(
    _ setup: inout SetupIntent, _ state: SetupIntent.State, _ failure: SetupIntent.Failure
  ) {
    setup.state = state
    setup.failure = failure
  }
}

/// The next step of a set-up.
package enum SetupStep: Sendable, Hashable {
  /// No gateway was chosen yet: the one request goes out.
  case begin
  /// The same request under the same key: no money moves, so it is as good as a look.
  case replay
  /// Read by the gateway's id.
  case get(reference: String)
  /// Only a notification can tell.
  case wait
  /// It was asked often enough, or the key is no longer remembered.
  case giveUp
  /// No gateway could be chosen for too long: nothing was ever sent.
  case refuse
  case done
}

package enum SetupRule {
  /// - Parameters:
  ///   - gateway: the one that was chosen; nil before.
  ///   - tries: of recovery, this one included; 0 for a caller's.
  ///   - ageSeconds: since the one request may have been sent first.
  package static func step(
    for setup: SetupIntent, at gateway: GatewayName?, tries: Int, ageSeconds: Int64
  ) -> SetupStep {
    guard !setup.isDecided else { return .done }
    let isLate = tries > SetupSchedule.triesMax
    guard let gateway else { return isLate ? .refuse : .begin }
    guard !isLate else { return .giveUp }
    guard let reference = setup.reference else {
      return ageSeconds < gateway.traits.replayWindowSeconds ? .replay : .giveUp
    }
    return gateway.traits.canGet ? .get(reference: reference) : .wait
  }
}

/// When a set-up that is not decided is worked on again.
package enum SetupSchedule {
  /// Until somebody else goes on with one that a live call has begun: longer than any call.
  package static let firstSeconds: Double = 20
  /// After a call whose answer left it open.
  package static let soonSeconds: Double = 1
  /// Doubled with each try; also the lease of one, longer than the work on it may take.
  package static let baseSeconds: Double = 10
  /// Tries of recovery: the last one is 5.7 hours after the first, and as long again after that it
  /// is given up.
  package static let triesMax = 12
}
