import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// What notices of returned direct debits do: a row for the movement and one fact, once.
extension GatewayFlow {
  func applyReturn(
    _ notice: GatewayNotice,
    about attempt: Attempt,
    _ record: OperationRecord
  ) async throws -> NoticeResult {
    guard case .returned(let movement, _) = notice.event else { return .done("no return") }
    let stamp = environment.stamp
    let id = record.id
    let intent = record.intent
    enum Decision: Sendable {
      case verdict(ReturnRule.Verdict?)
      case known
      case booked([GatewayV1.Fact])
    }
    let decision = try await environment.database.transaction { [self] transaction -> Decision in
      let rows = try await transaction.batch(
        OperationStatements.load(id, of: intent, lock: true)
          + [ReturnStatements.list(intent, attempt.id)]
      )
      guard let record = try OperationRecord(rows: Array(rows.dropLast())), let last = rows.last,
        let winner = record.operation.winner, winner.attempt.id == attempt.id
      else { throw NotificationTrouble.noSuchAttempt }
      let known = try last.map { try $0.decode((String, Int64).self) }
      guard !known.contains(where: { $0.0 == movement }) else { return .known }
      let captured = Amount(
        record.operation.amount.currency,
        minor: record.operation.capturedMinor
      )
      let verdict = ReturnRule.verdict(
        notice,
        about: winner.attempt,
        captured: captured,
        returned: known.reduce(0) { $0 + $1.1 }
      )
      guard case .book(let movement, let amount, let code)? = verdict else {
        return .verdict(verdict)
      }
      let fact = GatewayV1.Fact(
        operationID: id.description,
        intentID: intent.description,
        merchantID: record.merchant.description,
        sequence: UInt32(record.operation.factCount + 1),
        kind: .returned,
        amount: CommonV1.Money(amount),
        gateway: attempt.gateway.rawValue,
        gatewayAccount: attempt.account,
        gatewayReference: attempt.reference ?? "",
        attemptID: attempt.id.description,
        decline: GatewayV1.Decline(code: "debit_returned", gatewayCode: code),
        occurredAt: (notice.occurredAt ?? environment.clock.now).wire,
        movementID: movement
      )
      try await transaction.commit(
        with: [
          ReturnStatements.insert(movement, amount, code, at: attempt.id, of: record, stamp),
          RefundStatements.countFacts(1, of: record),
        ] + writer.write([fact], record, stamp)
      )
      return .booked([fact])
    }
    switch decision {
    case .known: return .done("nothing new")
    case .booked(let facts):
      announce(facts)
      return .done("applied")
    case .verdict(.later): throw NotificationTrouble.notCapturedYet
    case .verdict(.alert(let kind, let message)):
      return try await alert(kind, message, about: attempt, record)
    case .verdict: return .done("ignored: no return")
    }
  }
}

/// The SQL of returns. They are written only under their operation's lock.
enum ReturnStatements {
  static func list(_ intent: PaymentIntentID, _ attempt: AttemptID) -> Statement {
    """
    select movement, amount_minor from bank_return
    where intent_id = \(intent) and attempt_id = \(attempt)
    """
  }

  static func insert(
    _ movement: String,
    _ amount: Amount,
    _ code: String,
    at attempt: AttemptID,
    of record: OperationRecord,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into bank_return (merchant_id, intent_id, operation_id, attempt_id, movement,
      amount_minor, reason, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(attempt), \(movement),
      \(amount.minor), \(code), \(stamp.actor), \(stamp.traceID))
    """
  }
}
