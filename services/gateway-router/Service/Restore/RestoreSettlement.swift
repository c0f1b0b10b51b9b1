import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// What two people settle about what a restore has lost and nothing can rebuild.
extension GatewayFlow {
  /// intents hears of it first: whoever settles says it again where that has failed, and nobody would
  /// tell it afterwards. Its intent may be canceled from then on.
  /// - Returns: whether the order settles a claim, as it looks now.
  /// - Throws: UNAVAILABLE.
  func tellSettled(_ order: SettlementOrder) async throws -> Bool {
    let rows = try await environment.database.transaction(batch: [
      RestoreHoldStatements.get(order), RestoreHoldStatements.words(about: order),
      RestoreHoldStatements.isOpen(order.restore),
    ])
    let word = SettlementRule.Word(actor: environment.stamp.actor, verdict: order.verdict)
    guard let found = try rows[0].first.map({ try FoundPayment($0) }), let claim = found.claim,
      try Self.isForPeople(found, rows[2]),
      SettlementRule.answer(to: word, after: try Self.words(rows[1])) == .settled
    else { return false }
    do {
      try await RestoreRebuild(self).claimOnly(
        claim, .settled, at: found.gateway, found.account, reference: found.reference)
    } catch is RPCError {
      throw RPCFailure.unavailable("intents did not take the word. Nothing is settled: try again.")
    }
    return true
  }

  /// Within the claim's transaction.
  /// - Parameter isTold: what `tellSettled` has answered.
  /// - Throws: RESTORED_PAYMENT_NOT_FOUND, NOT_FOR_PEOPLE, PAYMENT_UNRESOLVED, SECOND_PERSON_REQUIRED,
  ///   CURRENCY_MISMATCH; UNAVAILABLE.
  func settle(
    _ order: SettlementOrder, isTold: Bool, in transaction: borrowing Transaction
  ) async throws -> RestoredPaymentView {
    let stamp = environment.stamp
    let (found, words) = try await Self.locked(order, in: transaction)
    let word = SettlementRule.Word(actor: stamp.actor, verdict: order.verdict)
    var statements = [RestoreHoldStatements.say(order, stamp)]
    switch SettlementRule.answer(to: word, after: words) {
    case .said: break
    case .settled:
      guard isTold || found.claim == nil else {
        throw RPCFailure.unavailable("Somebody else has said something at this moment. Try again.")
      }
      statements.append(RestoreHoldStatements.settle(order))
      if order.verdict == .stands {
        statements += try await standing(found, order, by: words, stamp, in: transaction)
      }
    case .secondPersonRequired:
      throw RPCFailure.failedPrecondition(
        "SECOND_PERSON_REQUIRED", "You have said so already: another operator settles it.")
    }
    let done = try await transaction.batch(statements + [RestoreHoldStatements.get(order)])
    guard let last = done.last else { throw RPCFailure.internalError }
    return try RestoredPaymentView(last.single())
  }

  /// The row under its lock, and what was said about it, oldest first.
  private static func locked(
    _ order: SettlementOrder, in transaction: borrowing Transaction
  ) async throws -> (FoundPayment, [SettlementRule.Word]) {
    let rows = try await transaction.batch([
      RestoreHoldStatements.lock(order), RestoreHoldStatements.words(about: order),
      RestoreHoldStatements.isOpen(order.restore),
    ])
    guard let row = rows[0].first else {
      throw RPCFailure.notFound(
        "RESTORED_PAYMENT_NOT_FOUND", "No restore has found this payment or refund.")
    }
    let found = try FoundPayment(row)
    guard try isForPeople(found, rows[2]) else {
      throw RPCFailure.failedPrecondition(
        "NOT_FOR_PEOPLE",
        "It is rebuilt, settled, or pending in a restore that is closed: see tender restore list.")
    }
    if let payment = found.paymentReference {
      let lost = RestoreHoldStatements.lostPayment(payment, at: found.gateway, found.account)
      guard try await transaction.query(lost).count == 0 else {
        throw RPCFailure.failedPrecondition(
          "PAYMENT_UNRESOLVED",
          "Its payment \(payment) is itself pending or for people: that comes first.")
      }
    }
    return (found, try words(rows[1]))
  }

  /// While it is closed what is pending may still be rebuilt; afterwards people may know better.
  private static func isForPeople(_ found: FoundPayment, _ open: Rows) throws -> Bool {
    let isOpen = try open.first.map { try $0[0, as: Bool.self] } ?? false
    return found.state == .forPeople || found.state == .found && isOpen
  }

  private static func words(_ rows: Rows) throws -> [SettlementRule.Word] {
    try rows.decode((String, Int16).self).compactMap { actor, value in
      SettlementVerdict(rawValue: value).map { SettlementRule.Word(actor: actor, verdict: $0) }
    }
  }

  /// A refund that went back is known from then on, as if the gateway had told it. Where nothing is
  /// known of its payment yet, it would be forgotten before that is rebuilt.
  /// - Throws: PAYMENT_UNRESOLVED, CURRENCY_MISMATCH.
  private func standing(
    _ found: FoundPayment, _ order: SettlementOrder, by words: [SettlementRule.Word],
    _ stamp: Stamp, in transaction: borrowing Transaction
  ) async throws -> [Statement] {
    guard let payment = found.paymentReference, let gateway = GatewayName(rawValue: found.gateway),
      let own = GatewayReference(found.ownReference), own.kind == .refund
    else { return [] }
    // Two people have settled the payment: it is not rebuilt, and nothing is refunded of it here.
    let settled = RestoreHoldStatements.settledPayment(payment, at: found.gateway, found.account)
    if try await transaction.query(settled).count == 1 { return [] }
    guard
      let place = try await transaction.query(
        NotificationStatements.attempt(reference: payment, at: gateway)
      ).first
    else { throw Self.paymentUnknown(payment) }
    let (intent, operation) = (
      try place[1, as: PaymentIntentID.self], try place[2, as: OperationID.self]
    )
    let (record, refunds) = try await Self.locked(operation, of: intent, in: transaction)
    let id = RefundID(bits: own.bits)
    if refunds.contains(where: { $0.refund.id == id }) { return [] }
    guard let winner = record.operation.winner, winner.attempt.reference == payment,
      winner.attempt.account == found.account
    else { throw Self.paymentUnknown(payment) }
    guard let amount = found.amount, amount.currency == record.operation.amount.currency else {
      throw RPCFailure.failedPrecondition(
        "CURRENCY_MISMATCH", "The refund is in another currency than its payment.")
    }
    let step = RefundMachine.seen(id, amount, reference: found.reference)
    let facts = step.facts.enumerated().map { offset, kind in
      GatewayV1.Fact(
        kind, step.refund, at: winner.attempt, record,
        sequence: record.operation.factCount + 1 + offset, found.madeAt)
    }
    let same = words.filter { $0.verdict == order.verdict }.map(\.actor)
    let people = Set(same + [stamp.actor]).sorted().joined(separator: " and ")
    return [
      RefundStatements.insert(id, amount, at: winner.attempt.id, of: record, stamp),
      RefundStatements.update(
        step.refund, of: record, detail: "lost by a restore, seen by \(people): \(order.words)"),
      RefundStatements.countFacts(facts.count, of: record),
    ] + writer.write(facts, record, stamp)
  }

  private static func paymentUnknown(_ payment: String) -> RPCFailure {
    .failedPrecondition(
      "PAYMENT_UNRESOLVED",
      "Its payment \(payment) is not known here as paid: wait until the lists are read and it is "
        + "rebuilt or settled, then settle this.")
  }
}
