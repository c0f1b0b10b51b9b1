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
      guard case .book(let back)? = verdict else {
        return .verdict(verdict)
      }
      let fact = GatewayV1.Fact(
        operationID: id.description,
        intentID: intent.description,
        merchantID: record.merchant.description,
        sequence: UInt32(record.operation.factCount + 1),
        kind: .returned,
        amount: CommonV1.Money(back.amount),
        gateway: attempt.gateway.rawValue,
        gatewayAccount: attempt.account,
        gatewayReference: attempt.reference ?? "",
        attemptID: attempt.id.description,
        decline: GatewayV1.Decline(back),
        occurredAt: (back.occurredAt ?? environment.clock.now).wire,
        movementID: back.movement,
        paymentMethodType: record.method?.rawValue ?? ""
      )
      try await transaction.commit(
        with: [
          ReturnStatements.insert(back, at: attempt.id, of: record, stamp),
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

  /// The return of what a condemned attempt took: it ends the attempt's reversal, or stops it until
  /// people have looked.
  func applyReturn(
    _ notice: GatewayNotice,
    aboutCondemned id: AttemptID,
    _ record: OperationRecord
  ) async throws -> NoticeResult {
    guard case .returned(let movement, let code) = notice.event else { return .done("no return") }
    let stamp = environment.stamp
    let (operation, intent) = (record.id, record.intent)
    let notes = OperationWriter.Notes(detail: "returned by the payer's bank: \(code)")
    let (result, facts) = try await environment.database.transaction {
      [self] transaction -> (NoticeResult, [GatewayV1.Fact]) in
      let rows = try await transaction.batch(
        OperationStatements.load(operation, of: intent, lock: true)
          + [ReturnStatements.list(intent, id)]
      )
      guard var record = try OperationRecord(rows: Array(rows.dropLast())), let last = rows.last,
        let attempt = record.operation.condemned.first(where: { $0.id == id })
      else { throw NotificationTrouble.noSuchAttempt }
      let known = try last.map { try $0.decode((String, Int64).self) }
      guard !known.contains(where: { $0.0 == movement }) else { return (.done("nothing new"), []) }
      let verdict = ReturnRule.verdict(
        notice,
        aboutCondemned: attempt,
        taken: record.operation.amount(of: attempt),
        returned: known.reduce(0) { $0 + $1.1 }
      )
      switch verdict {
      case nil, .later: return (.done("ignored: no return"), [])
      case .alert(let kind, let message):
        try await transaction.commit(with: [raise(kind, message, about: id, record)])
        return (.done("alert: \(kind)"), [])
      case .hold(let back, let message):
        try await transaction.commit(with: [
          ReturnStatements.insert(back, at: id, of: record, stamp),
          raise(ReturnRule.conflicts, message, about: id, record),
        ])
        return (.done("alert: \(ReturnRule.conflicts)"), [])
      case .book(let back):
        var statements = [ReturnStatements.insert(back, at: id, of: record, stamp)]
        var facts: [GatewayV1.Fact] = []
        let next = OperationMachine.next(record.operation, .returned(id, back))
        if case .moved(let moved, let actions) = next {
          record.operation = moved
          facts = writer.facts(actions, record)
          statements.append(OperationStatements.update(record))
          statements += writer.statements(actions, record, notes, facts, stamp)
        }
        try await transaction.commit(with: statements)
        return (.done("applied"), facts)
      }
    }
    announce(facts)
    return result
  }

  /// What the payer's bank has taken back of an attempt, minor units.
  func returnedMinor(of attempt: AttemptID, _ intent: PaymentIntentID) async throws -> Int64 {
    try ReturnStatements.sum(
      try await environment.database.query(ReturnStatements.list(intent, attempt)))
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

  /// Of the rows of `list`, minor units.
  static func sum(_ rows: Rows) throws -> Int64 {
    try rows.reduce(0) { $0 + (try $1[1, as: Int64.self]) }
  }

  static func insert(
    _ back: BankReturn,
    at attempt: AttemptID,
    of record: OperationRecord,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into bank_return (merchant_id, intent_id, operation_id, attempt_id, movement,
      amount_minor, reason, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(attempt), \(back.movement),
      \(back.amount.minor), \(back.code), \(stamp.actor), \(stamp.traceID))
    """
  }
}
