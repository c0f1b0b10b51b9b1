package import Money

/// When the job of a condemned attempt looks and acts. It does not give up: after the last step it
/// goes on once a day.
package enum ReversalSchedule {
  /// Seconds after the condemnation. 75 s lies behind the 60 to 70 s that processors allow themselves.
  package static let offsetsSeconds: [Int64] = [10, 30, 75, 300, 3_600, 21_600, 86_400]
  package static let repeatSeconds: Int64 = 86_400

  /// From then on a list of the gateway's that does not hold an attempt proves that it never existed.
  package static var absenceSeconds: Int64 { offsetsSeconds[offsetsSeconds.count - 1] }
  /// From then on people hear of an attempt that nothing has proven.
  package static var alertSeconds: Int64 { absenceSeconds }

  /// When try `number` (1, 2, 3...) is due.
  /// - Parameter scale: of all waits; below 1 only where tests and proofs run.
  package static func due(
    condemnedAt: Timestamp, try number: Int, scale: Double = 1
  ) -> Timestamp {
    let index = max(number, 1) - 1
    let seconds =
      index < offsetsSeconds.count
      ? offsetsSeconds[index]
      : offsetsSeconds[offsetsSeconds.count - 1] + repeatSeconds
        * Int64(index - offsetsSeconds.count + 1)
    return condemnedAt + .milliseconds(Int64(Double(seconds) * 1_000 * scale))
  }
}

/// The next request about an attempt whose payment must be found out or given back.
package enum ReversalStep: Sendable, Hashable {
  /// Read by the gateway's id; a new key each time.
  case get(reference: String)
  /// Search the gateway's list for our reference: its id was never learned.
  case find
  case cancel(reference: String)
  /// Cancel by our own reference: the gateway's id was never learned.
  case cancelByReference
  /// Refund the whole; one key for ever.
  case refund(reference: String)
  /// Only notifications, search and reports can tell.
  case wait
  case done
}

/// What to do about a condemned attempt, or a winner to be released. Never a replay of the payment
/// (interleavings 5, 8); always a look before a cancel where a look exists.
package enum ReversalRule {
  /// Only what is condemned, or a winner that is to be released, may be given back (interleavings
  /// 2): whatever a job was made for, the operation decides.
  /// - Parameter returnedMinor: what the payer's bank has taken back of it, as `bank_return` has it.
  package static func step(
    about id: AttemptID, in operation: Operation, isFresh: Bool, returnedMinor: Int64
  ) -> ReversalStep {
    if let condemned = operation.condemned.first(where: { $0.id == id }) {
      return step(for: condemned, isFresh: isFresh, returnedMinor: returnedMinor)
    }
    guard let winner = operation.winner, winner.attempt.id == id, winner.isReleasing else {
      return .wait
    }
    // Captured all the same: it is the payment, and only a refund gives it back.
    guard winner.attempt.evidence != .captured else { return .done }
    return step(for: winner.attempt, isFresh: isFresh)
  }

  /// - Parameter isFresh: `attempt.evidence` comes from a look within this run of the job.
  package static func step(
    for attempt: Attempt, isFresh: Bool, returnedMinor: Int64 = 0
  ) -> ReversalStep {
    let traits = attempt.gateway.traits
    guard !attempt.evidence.isResolved else { return .done }
    guard let reference = attempt.reference else {
      if traits.cancelsByReference { return .cancelByReference }
      return traits.findsByReference && !isFresh ? .find : .wait
    }
    if traits.canGet && !isFresh { return .get(reference: reference) }
    switch attempt.evidence {
    // Whoever has some of it from their bank must not get the whole from us: people say what is left.
    case .captured: return returnedMinor > 0 ? .wait : .refund(reference: reference)
    case .authorized, .requiresAction, .declined: return .cancel(reference: reference)
    // Stripe refuses to cancel what the bank works on; Adyen takes the order either way.
    case .pending, .actionSubmitted, .sent, .unknown:
      return traits.canGet ? .wait : .cancel(reference: reference)
    case .notExecuted, .canceled, .refunded, .returned: return .done
    }
  }
}

/// How to find out about a live attempt whose outcome is unknown.
package enum ProbeStep: Sendable, Hashable {
  case get(reference: String)
  /// The same request under the same key: as good as a look, as long as the key is remembered and no
  /// other attempt exists.
  case replay
  /// Search the gateway's list for our reference; finding nothing proves nothing.
  case find
  /// Read-only: notifications, reports.
  case wait
}

package enum ProbeRule {
  /// A live call's own replays are over by then, and so is its chance to start another attempt.
  package static let replayAfterSeconds: Int64 = 8

  /// - Parameters:
  ///   - operation: as it is now; the attempt must be one of its live ones.
  ///   - ageSeconds: since the first send.
  package static func step(
    for id: AttemptID,
    in operation: Operation,
    ageSeconds: Int64,
    sendWindowIsOpen: Bool
  ) -> ProbeStep {
    guard case .open(let live, _) = operation.phase,
      let attempt = live.first(where: { $0.id == id })
    else { return .wait }
    let traits = attempt.gateway.traits
    if let reference = attempt.reference, traits.canGet { return .get(reference: reference) }
    // An answer was stored under the key: repeating the request would only repeat it, and what the payer
    // brought back is never handed over again.
    guard attempt.evidence == .sent || attempt.evidence == .unknown else { return .wait }
    let isRemembered = ageSeconds < traits.replayWindowSeconds
    let callIsOver = ageSeconds >= replayAfterSeconds
    if operation.hasOnly(id) && isRemembered && callIsOver && sendWindowIsOpen { return .replay }
    return traits.findsByReference ? .find : .wait
  }

  /// The last look before a live attempt is given up. Read-only.
  package static func lastLook(at attempt: Attempt) -> ProbeStep {
    let traits = attempt.gateway.traits
    guard !attempt.evidence.isNegative else { return .wait }
    if let reference = attempt.reference, traits.canGet { return .get(reference: reference) }
    return traits.findsByReference ? .find : .wait
  }
}
