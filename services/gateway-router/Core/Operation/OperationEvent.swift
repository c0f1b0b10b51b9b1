package import Money

/// Everything that can happen to an operation.
package enum OperationEvent: Sendable, Hashable {
  /// A caller wants to try a gateway. `allowsSpeculation`: a second authorisation beside an attempt
  /// whose outcome is unknown (a merchant's policy).
  case start(NewAttempt, allowsSpeculation: Bool)
  /// An attempt that a restore of the database has lost was found in its gateway's books. Nothing is
  /// sent for it.
  case recovered(NewAttempt)
  /// What came of a request, look or notification about an attempt's payment.
  case outcome(AttemptID, Outcome)
  /// The payer has come back to be handed over: from here on the attempt's gateway may have heard of it.
  case submitAction(AttemptID)
  /// What the gateway answered to that.
  case actionOutcome(AttemptID, Outcome)
  /// What two people have seen at the gateway of an attempt that nothing else proves.
  case attested(AttemptID, Attestation)
  /// The payer's bank took back the whole of what a condemned attempt took.
  case returned(AttemptID, BankReturn)
  /// No further gateway will be tried in this call.
  case routesExhausted
  case close(Operation.CloseReason, onlyIfUnsent: Bool)
  case requestCapture(CaptureID, Amount)
  /// What came of a capture's request, look or notification.
  case captureOutcome(CaptureID, Outcome)
  /// The intent's money is paid otherwise: what was not captured will not be.
  case withdrawCapture(CaptureID, Decline)
}

package struct NewAttempt: Sendable, Hashable {
  package var id: AttemptID
  package var gateway: GatewayName
  package var account: String
  package var mode: Attempt.Mode

  package init(id: AttemptID, gateway: GatewayName, account: String, mode: Attempt.Mode) {
    self.id = id
    self.gateway = gateway
    self.account = account
    self.mode = mode
  }
}

/// What the shell does in the same transaction in which it stores the operation.
package enum OperationAction: Sendable, Hashable {
  case insertAttempt(Attempt)
  /// The row's evidence or reference changed.
  case updateAttempt(Attempt)
  case setWinner(AttemptID)
  /// Disposition condemned; with a reversal job (first due after `ReversalSchedule`) unless nothing
  /// is left to reverse.
  case condemn(AttemptID, needsReversal: Bool)
  /// The job of a condemned attempt has found new work, or there was none: make sure one is due.
  case ensureReversal(AttemptID)
  /// Nothing is left to reverse: the job ends.
  case finishReversal(AttemptID)
  /// Give the winner's authorisation back, by a job on the same schedule.
  case insertRelease(AttemptID)
  case insertCapture(Capture)
  case updateCapture(Capture)
  /// Send a capture again. `isNewTry`: a look has shown it undone, so it gets a new key; otherwise it
  /// was proven not executed and keeps its key.
  case repeatCapture(CaptureID, isNewTry: Bool)
  /// Look at the payment: the outcome of an attempt or of a capture is not known.
  case look(AttemptID)
  case writeFact(Fact)
  case alert(OperationAlert, AttemptID)
  /// What an alert was raised for is over.
  case resolve(OperationAlert, AttemptID)
}

/// What people must look at.
package enum OperationAlert: String, Sendable, Hashable, CaseIterable {
  case gatewayAnswerConflicts = "gateway_answer_conflicts"
  /// A payer brought back what belongs to another payment.
  case payerResultConflicts = "payer_result_conflicts"
  /// Captured although only an authorisation was asked for: check the account's capture mode.
  case capturedWithoutRequest = "captured_without_request"
  /// A condemned attempt took money.
  case orphanCaptured = "orphan_captured"
  /// Its payer's bank took it back, and a refund of ours gave it back as well.
  case orphanPaidBackTwice = "orphan_paid_back_twice"
  /// Positive evidence after negative evidence.
  case evidenceContradicted = "evidence_contradicted"
  /// A capture failed after the gateway had reported it done.
  case captureFailedLate = "capture_failed_late"
}

/// The answer of the machine.
package enum OperationVerdict: Sendable, Hashable {
  case moved(Operation, [OperationAction])
  /// True, but nothing changes.
  case unchanged
  case refused(OperationRefusal)
}

/// Why an event may not happen now.
package enum OperationRefusal: Error, Sendable, Hashable {
  case notOpen
  case tooManyAttempts
  /// Another attempt is under way.
  case attemptUnderway
  /// An earlier attempt's outcome is unknown and nothing allows a second one.
  case outcomeUnknown
  /// The decline forbids another gateway.
  case declineForbids(DeclineClass)
  /// An earlier attempt may capture by itself; it must be cancelled first.
  case chargeAlive
  case attemptUnknown
  /// Attempts are without evidence, so nothing can be said yet.
  case notWon
  case releasing
  case captureMismatch
  case captureExists
  case captureUnknown
  case amountNotPositive
  case amountTooLarge
  case currencyMismatch
  /// Nothing of the attempt is unproven, or the gateway has shown something else.
  case attestationRefused
  /// The attempt does not wait for its payer, or not any more.
  case noAction
  /// What payers brought back was handed over too often.
  case tooManyResults
}

/// Something that is now known about an operation, numbered from 1. Raw values of the kind are those
/// of the contract and of SQL.
package struct Fact: Sendable, Hashable {
  package enum Kind: Int16, Sendable, Hashable, CaseIterable {
    case authorized = 1
    case captured = 2
    case declined = 3
    case notExecuted = 4
    case unknown = 5
    case pending = 6
    case canceled = 7
    case requiresAction = 8
    case captureFailed = 9
    case conflicted = 10
    case expired = 15
    /// A condemned attempt took money: it is nobody's payment and is being given back.
    case orphanCaptured = 16
    /// What such an attempt took is given back.
    case orphanReversed = 17
  }

  package var sequence: Int
  package var kind: Kind
  package var amount: Amount?
  package var attemptID: AttemptID?
  package var gateway: GatewayName?
  package var account: String?
  package var reference: String?
  package var decline: Decline?
  package var captureID: CaptureID?
  package var action: PayerAction?
  /// By which the money of an orphan went back, where no refund of ours did it.
  package var bankReturn: BankReturn?
  /// By the gateway's word; nil: when it was learned.
  package var occurredAt: Timestamp?

  init(_ kind: Kind, sequence: Int, of attempt: Attempt?) {
    self.sequence = sequence
    self.kind = kind
    attemptID = attempt?.id
    gateway = attempt?.gateway
    account = attempt?.account
    reference = attempt?.reference
  }
}
