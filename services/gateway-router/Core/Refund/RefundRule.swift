package import Money

/// The next request about a refund.
package enum RefundStep: Sendable, Hashable {
  /// It was proven not executed: the first send, again.
  case send
  /// The same request under the same key: as good as a look while the key is remembered.
  case replay
  /// Read by the gateway's id.
  case get(reference: String)
  /// Search the refunds of the payment for our reference; finding nothing proves nothing.
  case list
  /// It may have gone out although its row says that it did not: unknown from now on.
  case doubt
  /// Only a notification or a report can tell.
  case wait
  case done
}

/// How a refund goes on. It keeps its key for ever and never gets a second one (DESIGN section 9).
package enum RefundRule {
  /// - Parameters:
  ///   - ageSeconds: since a first send may have happened last.
  ///   - keySaysNothing: a replay was answered by a failure that the key keeps.
  ///   - isOlderThanRestore: what became of it after the restore's point is lost: one that was queued
  ///     then may have been sent since, under a key that is forgotten.
  package static func step(
    for refund: Refund, at gateway: GatewayName, ageSeconds: Int64, keySaysNothing: Bool,
    isOlderThanRestore: Bool = false
  ) -> RefundStep {
    let traits = gateway.traits
    switch refund.state {
    case .succeeded, .failed: return .done
    case .queued:
      guard isOlderThanRestore else { return .send }
      return traits.canGet ? .list : .doubt
    case .accepted:
      guard traits.canGet, let reference = refund.reference else { return .wait }
      return .get(reference: reference)
    case .sending, .unknown:
      if traits.canGet, let reference = refund.reference { return .get(reference: reference) }
      if ageSeconds < traits.replayWindowSeconds && !keySaysNothing { return .replay }
      return traits.canGet ? .list : .wait
    }
  }
}

/// When a refund that is not decided is worked on again, and when people must know.
package enum RefundSchedule {
  /// Until somebody else goes on with a refund that a live call has begun: longer than any call.
  package static let firstSeconds: Double = 8
  /// After an answer that left it open.
  package static let soonSeconds: Double = 1
  /// Doubled with each try.
  package static let baseSeconds: Double = 10
  package static let longestSeconds: Double = 21_600
  /// Behind the last repetition under the key: by then it has arrived, or never will.
  package static let arrivalSeconds: Int64 = 7_200
  /// Unknown for longer than this: critical.
  package static let unknownAlertSeconds: Int64 = 3_600
  /// Accepted by the gateway and not told for longer than this: warning.
  package static let acceptedAlertSeconds: Int64 = 86_400

  /// From then on a list of the payment's refunds that does not hold ours proves something: nothing
  /// is sent any more, and what was sent is there. 25 h at Stripe, whose keys live for 24.
  package static func absenceSeconds(at gateway: GatewayName) -> Int64 {
    gateway.traits.replayWindowSeconds + arrivalSeconds
  }
}

/// What a verified notification means for the refunds of the winner it is about. Pure. Order and
/// repetition do not matter.
package enum RefundNoticeRule {
  package enum Verdict: Sendable, Hashable {
    case apply(RefundID, RefundEvent)
    case ignore(String)
    /// People must look.
    case alert(kind: String, String)
  }

  package static func verdict(
    _ notice: GatewayNotice, about attempt: Attempt, _ refunds: [Refund],
    _ classify: (DeclineSignal) -> Decline
  ) -> Verdict {
    guard attempt.gateway == notice.gateway else { return .ignore("of another gateway") }
    guard let refund = subject(notice, refunds) else {
      return .alert(
        kind: "refund_without_request", "A refund that nobody asked for was reported.")
    }
    if let conflict = Conflict.first(between: notice.echo, and: request(refund, attempt)) {
      return .apply(refund.id, .outcome(.unknown(.conflicted(conflict))))
    }
    switch notice.event {
    case .refundReversed(let code): return .apply(refund.id, .cameBack(code: code))
    case .refund(let state):
      var echo = notice.echo
      echo.reference = notice.modificationReference
      echo.ownReference = nil
      let outcome = OutcomeRule.outcome(
        .refund(RefundAnswer(echo: echo, state: state)), to: request(refund, attempt), classify)
      if case .unknown = outcome { return .ignore("it says nothing") }
      return .apply(refund.id, .outcome(outcome))
    case .payment, .captureFailed, .cancelFailed, .dispute, .returned, .reportAvailable,
      .unrecognized:
      return .ignore("no refund")
    }
  }

  private static func request(_ refund: Refund, _ attempt: Attempt) -> SentRequest {
    SentRequest(
      purpose: .lookRefund, send: .first, amount: refund.amount, account: attempt.account,
      ownReference: nil)
  }

  /// By our reference, else by the gateway's id.
  private static func subject(_ notice: GatewayNotice, _ refunds: [Refund]) -> Refund? {
    if let own = notice.ownReference, own.kind == .refund {
      return refunds.first { $0.id.bits == own.bits }
    }
    guard let reference = notice.modificationReference else { return nil }
    return refunds.first { $0.reference == reference }
  }
}
