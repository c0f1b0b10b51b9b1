#if TENDER_FAULTS
/// A place where a process may die on purpose, by SIGKILL of itself. Each is passed by the code it
/// names; what follows there must be made good by whoever comes after.
package enum CrashPoint: String, CaseIterable, Sendable {
  // intents
  /// T1 has committed; nobody was asked.
  case afterClaim = "after_claim"
  /// Facts are known; T4 has not begun.
  case beforeStoredAnswer = "before_stored_answer"
  /// T4 has committed; the caller has not heard.
  case afterStoredAnswer = "after_stored_answer"
  // gateway-router
  /// An attempt has committed; no byte has left.
  case afterAttempt = "after_attempt"
  /// The authorisation is on its way, its answer unread.
  case afterSend = "after_send"
  /// The authorisation was answered, nothing of it stored.
  case afterGatewayAnswer = "after_gateway_answer"
  /// The winner has committed; nothing was told.
  case afterWinner = "after_winner"
  /// A capture is on its way.
  case afterCaptureRequest = "after_capture_request"
  /// A capture was answered, nothing of it stored.
  case afterCaptureAnswer = "after_capture_answer"
  /// A cancel, or the refund of a condemned attempt, is on its way.
  case afterReversalRequest = "after_reversal_request"
  /// A refund's row has committed; no byte has left.
  case afterRefundRow = "after_refund_row"
  /// A refund is on its way.
  case afterRefundRequest = "after_refund_request"
  // whoever has an outbox
  /// Rows are leased; none was sent.
  case afterOutboxClaim = "after_outbox_claim"
  /// Rows were sent; none is settled.
  case afterOutboxSend = "after_outbox_send"

  /// The one that the code passes here: counts it, and ends the process when it is the armed one.
  package func pass() {
    if isDue() { crash() }
  }

  /// Counts one passage.
  /// - Returns: whether it is the armed one. Who is told so calls `crash`, once.
  package func isDue() -> Bool { Faults.isDue(self) }

  /// Ends the process, unless another process of the service has taken this crash.
  package func crash() { Faults.crash(at: self) }
}
#endif
