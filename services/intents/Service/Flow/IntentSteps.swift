import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// T1 of the calls on an existing intent: the change under the intent's lock, in the claim's
/// transaction.
struct IntentSteps: Sendable {
  let flow: IntentFlow
  let merchant: MerchantID
  let id: PaymentIntentID

  func confirm(
    _ method: PaymentMethodID?, offSession: Bool, returnURL: String?, keyProof: [UInt8],
    in transaction: borrowing Transaction
  ) async throws {
    let application = try await flow.locked(id, of: merchant, claim: nil, in: transaction)
    var intent = application.intent
    let next = try verdict(.confirm, intent)
    guard let paymentMethod = method ?? intent.paymentMethod else {
      throw IntentRefusal.paymentMethodRequired
    }
    let now = flow.environment.clock.now
    let operation = OperationRow(
      id: flow.environment.identifiers.make(),
      try: (application.operations.map(\.try).max() ?? 0) + 1, paymentMethod: paymentMethod,
      amountMinor: intent.amount.minor, offSession: offSession,
      sendBefore: SendWindow.end(from: now, offSession: offSession), keyProof: keyProof,
      returnURL: returnURL)
    intent.paymentMethod = paymentMethod
    intent.currentOperation = operation.id
    let stamp = flow.environment.stamp
    move(&intent, to: next.state, at: now)
    try await transaction.commit(
      with: [OperationStatements.insert(operation, of: intent, stamp)]
        + written(intent, cause: "confirm", next.notices, stamp))
  }

  func capture(_ amount: Amount?, in transaction: borrowing Transaction) async throws {
    var intent = try await flow.locked(id, of: merchant, claim: nil, in: transaction).intent
    let next = try verdict(.capture, intent)
    if let amount, amount.currency != intent.amount.currency {
      throw IntentRefusal.currency(intent.amount.currency)
    }
    guard let operation = intent.currentOperation else { throw RPCFailure.internalError }
    let minor: Int64
    switch intent.amounts.capture(requestedMinor: amount?.minor, in: intent.state) {
    case .success(let allowed): minor = allowed
    case .failure(let refusal): throw IntentRefusal.amount(refusal)
    }
    let stamp = flow.environment.stamp
    move(&intent, to: next.state, at: flow.environment.clock.now)
    try await transaction.commit(
      with: [
        OperationStatements.askCapture(
          flow.environment.identifiers.make(), of: intent, operation: operation,
          amountMinor: minor, stamp)
      ] + written(intent, cause: "capture", next.notices, stamp))
  }

  /// Nothing is written but the claim: gateway-router's facts move the intent, also when this process
  /// dies. Whose payer was here before, or comes too late, changes nothing.
  func completeAction(hasResult: Bool, in transaction: borrowing Transaction) async throws {
    let intent = try await flow.locked(id, of: merchant, claim: nil, in: transaction).intent
    _ = try verdict(.completeAction, intent)
    guard intent.state == .requiresAction else { return }
    if let parameter = intent.nextAction?.resultParameter, !parameter.isEmpty, !hasResult {
      throw IntentRefusal.redirectResultRequired(parameter)
    }
    // gateway-router would hand nothing over: an answer that says so is not to be kept for the key.
    try await RestoredPayments.requireResolved(id, of: merchant, in: transaction)
  }

  func cancel(in transaction: borrowing Transaction) async throws {
    var intent = try await flow.locked(id, of: merchant, claim: nil, in: transaction).intent
    let next = try verdict(.cancel, intent)
    let stamp = flow.environment.stamp
    move(&intent, to: next.state, at: flow.environment.clock.now)
    // Whoever has paid must not hear that nothing will be charged.
    try await transaction.commit(
      with: [RestoredClaimStatements.checkCancelable(id, of: merchant)]
        + written(intent, cause: "cancel", next.notices, stamp))
    flow.metrics.count(intent.state)
  }

  private func verdict(
    _ event: IntentEvent, _ intent: IntentRow
  ) throws(RPCFailure) -> (state: IntentState, notices: [Notice]) {
    switch IntentMachine.next(intent.state, event, capture: intent.captureMethod) {
    case .moved(let state, let notices): return (state, notices)
    case .unchanged(let notices): return (intent.state, notices)
    case .refused(let allowed):
      throw IntentRefusal.state(intent.state.status, allowed: allowed)
    }
  }

  private func move(_ intent: inout IntentRow, to state: IntentState, at now: Timestamp) {
    intent.state = state
    intent.version += 1
    intent.updatedAt = now
    intent.nextCheckAt = nil
  }

  private func written(
    _ intent: IntentRow, cause: String, _ notices: [Notice], _ stamp: Stamp
  ) -> [Statement] {
    let events = notices.compactMap { notice -> String? in
      if case .event(let type) = notice { type } else { nil }
    }
    return [IntentStatements.update(intent, stamp)]
      + flow.writer.statements(intent, cause: cause, events: events, stamp)
  }
}
