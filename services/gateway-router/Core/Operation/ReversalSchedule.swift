package import Money

/// When the job of a condemned attempt looks and acts. It does not give up: after the last step it
/// goes on once a day, from the gateway's accounting report.
package enum ReversalSchedule {
  /// Seconds after the condemnation. 75 s lies behind the 60 to 70 s that processors allow themselves.
  package static let offsetsSeconds: [Int64] = [10, 30, 75, 300, 3_600, 21_600, 86_400]
  package static let repeatSeconds: Int64 = 86_400

  /// When try `number` (1, 2, 3...) is due.
  package static func due(condemnedAt: Timestamp, try number: Int) -> Timestamp {
    let index = max(number, 1) - 1
    let seconds =
      index < offsetsSeconds.count
      ? offsetsSeconds[index]
      : offsetsSeconds[offsetsSeconds.count - 1] + repeatSeconds
        * Int64(index - offsetsSeconds.count + 1)
    return condemnedAt + .seconds(seconds)
  }

  /// From this try on the accounting report is asked too.
  package static var reportFromTry: Int { offsetsSeconds.count + 1 }
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
  /// - Parameter isFresh: `attempt.evidence` comes from a look within this run of the job.
  package static func step(for attempt: Attempt, isFresh: Bool) -> ReversalStep {
    let traits = attempt.gateway.traits
    guard !attempt.evidence.isResolved else { return .done }
    guard let reference = attempt.reference else {
      if traits.cancelsByReference { return .cancelByReference }
      return traits.findsByReference && !isFresh ? .find : .wait
    }
    if traits.canGet && !isFresh { return .get(reference: reference) }
    switch attempt.evidence {
    case .captured: return .refund(reference: reference)
    case .authorized, .requiresAction, .declined: return .cancel(reference: reference)
    // Stripe refuses to cancel what the bank works on; Adyen takes the order either way.
    case .pending, .sent, .unknown: return traits.canGet ? .wait : .cancel(reference: reference)
    case .notExecuted, .canceled, .refunded: return .done
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
  /// - Parameters:
  ///   - operation: as it is now; the attempt must be one of its live ones.
  ///   - ageSeconds: since the first send.
  package static func step(
    for id: AttemptID,
    in operation: Operation,
    ageSeconds: Int64,
    sendWindowIsOpen: Bool
  ) -> ProbeStep {
    guard case .open(let live, let condemned) = operation.phase,
      let attempt = live.first(where: { $0.id == id })
    else { return .wait }
    let traits = attempt.gateway.traits
    if let reference = attempt.reference, traits.canGet { return .get(reference: reference) }
    let isSole = live.count == 1 && condemned.allSatisfy { $0.evidence == .notExecuted }
    let isRemembered = ageSeconds < traits.replayWindowSeconds
    if isSole && isRemembered && sendWindowIsOpen { return .replay }
    return traits.findsByReference ? .find : .wait
  }
}
