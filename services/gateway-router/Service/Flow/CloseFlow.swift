import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// CaptureOperation and CloseOperation.
extension GatewayFlow {
  /// Where a payment that a restore has lost keeps the intent's money, it fails and releases what was
  /// authorised.
  /// - Throws: RESTORED_PAYMENT_UNRESOLVED, OPERATION_NOT_FOUND, OPERATION_NOT_WON, AMOUNT_TOO_LARGE,
  ///   CAPTURE_MISMATCH.
  func capture(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID, _ capture: CaptureID,
    _ amount: Amount
  ) async throws -> [GatewayV1.Fact] {
    try await ports.routing.restore.requireOpen()
    return try await runs.exclusively(id) { [self] in
      let started = environment.loop.now
      try await ports.routing.restore.resolved(intent, of: merchant)
      try await requireOwned(id, of: intent, merchant)
      let moved = try await move(id, of: intent, .init()) { _, step in
        step == 0 ? .requestCapture(capture, amount) : nil
      }
      if let refusal = moved.refusal { throw Self.failure(refusal) }
      if let row = moved.record.operation.winner?.captures.first(where: { $0.id == capture }),
        row.isUnderway
      {
        try await advanceCapture(row, moved.record, within: left(since: started))
      }
      return try await facts(id, of: intent)
    }
  }

  func close(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID, onlyIfUnsent: Bool
  ) async throws -> [GatewayV1.Fact] {
    // What was never seen here may have been paid.
    try await ports.routing.restore.requireOpen()
    return try await runs.exclusively(id) { [self] in
      let started = environment.loop.now
      // What was never sent here ends, whatever became of another operation.
      let isPaid = try await ports.routing.restore.resolved(
        intent, of: merchant, operation: onlyIfUnsent ? id : nil)
      if try await load(id, of: intent) == nil {
        try await closeUnseen(id, of: intent, merchant, isPaid: isPaid)
        return try await facts(id, of: intent)
      }
      try await requireOwned(id, of: intent, merchant)
      let reason: Operation.CloseReason = onlyIfUnsent ? .abandoned : .canceled
      let moved = try await move(id, of: intent, .init()) { _, step in
        step == 0 ? .close(reason, onlyIfUnsent: onlyIfUnsent) : nil
      }
      guard !onlyIfUnsent else { return try await facts(id, of: intent) }
      // What may not come back is cancelled before the caller hears that it is canceled.
      for attempt in moved.record.operation.condemned where !attempt.evidence.isResolved {
        try await reverse(attempt.id, moved.record, try: 1, within: left(since: started))
      }
      if let winner = moved.record.operation.winner, winner.isReleasing {
        // The caller waits for the release; the job goes on with it if this try does not end it.
        try await reverse(
          winner.attempt.id, moved.record, try: 1, within: left(since: started))
      }
      return try await facts(id, of: intent)
    }
  }

  /// An operation that never arrived: recorded as closed, so that a late Execute finds it dead.
  /// - Parameter isPaid: a payment that a restore has lost keeps the intent's money.
  private func closeUnseen(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID, isPaid: Bool
  ) async throws {
    let now = environment.clock.now
    let record = OperationRecord(
      merchant: merchant, intent: intent, paymentMethod: PaymentMethodID(bits: 0),
      offSession: false, statementDescriptor: "", sendBefore: now, keyProof: [], createdAt: now,
      operation: Operation(
        id: id, amount: Amount(.eur, minor: 1), captureMethod: .automatic),
      attempts: [:], captureTries: [:])
    try await closeUnsent(
      record, isPaid ? PaidBeforeRestore.decline : .unsent("abandoned_before_send"))
  }

  @discardableResult
  func requireOwned(
    _ id: OperationID, of intent: PaymentIntentID, _ merchant: MerchantID
  ) async throws -> OperationRecord {
    guard let record = try await load(id, of: intent), record.merchant == merchant else {
      throw RPCFailure.notFound("OPERATION_NOT_FOUND", "There is no operation \(id).")
    }
    return record
  }

  private static func failure(_ refusal: OperationRefusal) -> RPCFailure {
    switch refusal {
    case .amountTooLarge:
      .failedPrecondition("AMOUNT_TOO_LARGE", "The amount is above what was authorised.")
    case .captureMismatch:
      .failedPrecondition("CAPTURE_MISMATCH", "This capture id was used for another amount.")
    case .amountNotPositive:
      .invalid("amount.amount_minor", "AMOUNT_NOT_POSITIVE", "The amount must be positive.")
    case .currencyMismatch:
      .invalid("amount.currency", "CURRENCY_MISMATCH", "The operation has another currency.")
    case .notOpen, .tooManyAttempts, .attemptUnderway, .outcomeUnknown, .declineForbids,
      .chargeAlive, .attemptUnknown, .notWon, .releasing, .captureExists, .captureUnknown,
      .attestationRefused, .noAction, .tooManyResults:
      .failedPrecondition("OPERATION_NOT_WON", "Nothing can be captured now: \(refusal).")
    }
  }
}
