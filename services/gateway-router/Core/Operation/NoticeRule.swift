import Money

/// What a verified notification means for the operation it is about. Pure. Order and repetition do
/// not matter: a notice is judged like the answer to a look, and knowledge never goes back.
package enum NoticeRule {
  package enum Verdict: Sendable, Hashable {
    case apply(OperationEvent)
    /// The live call has not stored its answer yet; its own word comes first, for it can still try
    /// another gateway.
    case later
    /// Nothing that this version acts on.
    case ignore(String)
    /// People must look.
    case alert(kind: String, String)
  }

  /// As long as a live call may take, with room.
  package static let callSeconds: Int64 = 10

  /// - Parameters:
  ///   - attempt: the one the notice names, of `operation`.
  ///   - ageSeconds: of the attempt.
  package static func verdict(
    _ notice: GatewayNotice,
    about attempt: Attempt,
    of operation: Operation,
    ageSeconds: Int64,
    _ classify: (DeclineSignal) -> Decline
  ) -> Verdict {
    guard attempt.gateway == notice.gateway else { return .ignore("of another gateway") }
    if attempt.evidence == .sent && ageSeconds < callSeconds { return .later }
    switch notice.event {
    case .captureFailed:
      guard let capture = capture(notice, attempt, operation), let outcome = notice.captureFailure
      else { return .ignore("no such capture") }
      return .apply(.captureOutcome(capture.id, outcome))
    case .payment(.captured) where notice.ownReference?.kind == .capture:
      guard let capture = capture(notice, attempt, operation) else {
        return .alert(kind: "capture_unknown", "A capture that nobody asked for was reported.")
      }
      return judge(notice, attempt, .capture, capture.amount, classify) {
        .captureOutcome(capture.id, $0)
      }
    case .payment(.authorized) where attempt.mode == .charge:
      // The request had it captured at once: Adyen tells that with its authorisation, and sends no
      // word of its own about the capture.
      var taken = notice
      taken.event = .payment(.captured(notice.echo.amount))
      return judge(taken, attempt, .look, operation.amount, classify) { .outcome(attempt.id, $0) }
    case .payment:
      let verdict = judge(notice, attempt, .look, operation.amount, classify) {
        .outcome(attempt.id, $0)
      }
      // Of a winner that is no news, and no look: it may have been sent before the capture was.
      guard isWord(verdict, ofAuthorizationOf: attempt), operation.winner?.attempt.id == attempt.id
      else { return verdict }
      return .ignore("authorised, as is known")
    case .refund, .refundReversed:
      // The winner's refunds are judged by `RefundNoticeRule`.
      guard operation.winner?.attempt.id != attempt.id else { return .ignore("a refund") }
      guard case .refund(.succeeded) = notice.event else {
        if attempt.evidence == .returned {
          return .ignore("a refund that failed: the payer's bank returned the debit")
        }
        return .alert(kind: "compensation_failed", "The refund of a condemned attempt failed.")
      }
      return judge(notice, attempt, .refund, operation.amount(of: attempt), classify) {
        .outcome(attempt.id, $0)
      }
    // The job of a condemned attempt, or of a release, goes on by its schedule.
    case .cancelFailed:
      guard attempt.isWithoutResult, operation.condemned.contains(where: { $0.id == attempt.id })
      else { return .ignore("a cancel that failed") }
      // There was nothing to cancel, and nothing can follow: results are handed over of what is open.
      return .apply(
        .outcome(
          attempt.id,
          .succeeded(
            Settled(
              kind: .canceled, reference: attempt.reference ?? notice.paymentReference ?? "",
              amount: operation.amount))))
    case .dispute(let step): return .ignore("dispute \(step)")
    case .returned: return .ignore("judged by ReturnRule")
    case .reportAvailable: return .ignore("a report")
    case .unrecognized(let type): return .ignore(type)
    }
  }

  private static func isWord(_ verdict: Verdict, ofAuthorizationOf attempt: Attempt) -> Bool {
    guard case .apply(.outcome(attempt.id, .succeeded(let settled))) = verdict else { return false }
    return settled.kind == .authorized
  }

  private static func judge(
    _ notice: GatewayNotice,
    _ attempt: Attempt,
    _ purpose: SentRequest.Purpose,
    _ amount: Amount,
    _ classify: (DeclineSignal) -> Decline,
    _ event: (Outcome) -> OperationEvent
  ) -> Verdict {
    guard let answer = notice.answer?.withoutAmountIfCanceled else { return .ignore("no answer") }
    let request = SentRequest(
      purpose: purpose, send: .first, amount: amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text)
    let outcome = OutcomeRule.outcome(answer, to: request, classify)
    if case .unknown = outcome, !outcome.isConflict { return .ignore("it says nothing") }
    return .apply(event(outcome))
  }

  private static func capture(
    _ notice: GatewayNotice,
    _ attempt: Attempt,
    _ operation: Operation
  ) -> Capture? {
    guard let winner = operation.winner, winner.attempt.id == attempt.id else { return nil }
    if let own = notice.ownReference, own.kind == .capture {
      return winner.captures.first { $0.id.bits == own.bits }
    }
    return winner.captures.last { $0.state != .failed }
  }
}

extension GatewayAnswer {
  /// What amount a cancel names is not documented; it cancels the whole.
  fileprivate var withoutAmountIfCanceled: GatewayAnswer {
    guard case .payment(var payment) = self, payment.state == .canceled else { return self }
    payment.echo.amount = nil
    return .payment(payment)
  }
}
