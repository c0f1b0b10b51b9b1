import GatewayCore
import Money
import Postgres
import ServiceKit

/// A refund as its row: the machine's value, and what the shell needs beside it.
struct RefundRecord: Sendable {
  var refund: Refund
  var detail: String
  var createdAt: Timestamp
  var decidedAt: Timestamp?
  /// When a first send may have happened last: the key's window counts from there.
  var sentAt: Timestamp

  /// The row's columns, in the order of `RefundStatements.columns`.
  init(_ row: Row, _ currency: Currency) throws {
    guard let state = Refund.State(rawValue: try row[2, as: Int16.self]) else {
      throw PostgresError(.decoding, "refund.state holds an unknown value")
    }
    let code = try row[6, as: String?.self].map(Refund.Failure.Code.init(ofDecline:))
    let gatewayCode = try row[7, as: String?.self] ?? ""
    refund = Refund(
      id: try row[0, as: RefundID.self],
      amount: Amount(currency, minor: try row[1, as: Int64.self]), state: state,
      hasSucceeded: try row[3, as: Bool.self], isConflicted: try row[4, as: Bool.self],
      reference: try row[5, as: String?.self],
      failure: code.map { Refund.Failure(code: $0, gatewayCode: gatewayCode) })
    detail = try row[8, as: String.self]
    createdAt = try row[9, as: Timestamp.self]
    decidedAt = try row[10, as: Timestamp?.self]
    sentAt = try row[11, as: Timestamp?.self] ?? createdAt
  }
}

/// The SQL of refunds. They change only under their operation's lock.
enum RefundStatements {
  static let columns = """
    id, amount_minor, state, has_succeeded, is_conflicted, reference, failure_code,
    failure_gateway_code, detail, created_at, decided_at, sent_at
    """

  static func list(_ operation: OperationID, of intent: PaymentIntentID) -> Statement {
    """
    select \(raw: columns) from refund
    where intent_id = \(intent) and operation_id = \(operation) order by created_at, id
    """
  }

  /// Committed before a byte leaves.
  static func insert(
    _ id: RefundID, _ amount: Amount, at attempt: AttemptID, of record: OperationRecord,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into refund (merchant_id, intent_id, operation_id, id, attempt_id, amount_minor, state,
      next_try_at, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(id), \(attempt),
      \(amount.minor), \(Refund.State.sending.rawValue),
      now() + make_interval(secs => \(RefundSchedule.firstSeconds)), \(stamp.actor),
      \(stamp.traceID))
    """
  }

  /// Refused before anything was sent: remembered as failed, so that no late repetition sends it.
  static func insertRefused(
    _ refund: Refund, at attempt: AttemptID?, of record: OperationRecord, detail: String,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into refund (merchant_id, intent_id, operation_id, id, attempt_id, amount_minor, state,
      failure_code, failure_gateway_code, detail, decided_at, actor, trace_id)
    values (\(record.merchant), \(record.intent), \(record.id), \(refund.id), \(attempt),
      \(refund.amount.minor), \(refund.state.rawValue), \(refund.failure?.code.rawValue), '',
      \(detail), now(), \(stamp.actor), \(stamp.traceID))
    """
  }

  /// What is decided is not tried again; what was just left open is looked at soon.
  static func update(_ refund: Refund, of record: OperationRecord, detail: String) -> Statement {
    """
    update refund set state = \(refund.state.rawValue), has_succeeded = \(refund.hasSucceeded),
      is_conflicted = \(refund.isConflicted), reference = \(refund.reference),
      failure_code = \(refund.failure?.code.rawValue),
      failure_gateway_code = \(refund.failure?.gatewayCode), detail = \(detail),
      next_try_at = case when \(refund.isDecided) then null when tries = 0
        then now() + make_interval(secs => \(RefundSchedule.soonSeconds)) else next_try_at end,
      decided_at = case when \(refund.isDecided) then now() end,
      sent_at = case when \(refund.state == .sending) then now() else sent_at end
    where intent_id = \(record.intent) and id = \(refund.id)
    """
  }

  /// The numbers of `count` more facts are taken; whoever read the operation before reads it again.
  static func countFacts(_ count: Int, of record: OperationRecord) -> Statement {
    """
    update operation set fact_count = fact_count + \(Int32(count)), version = version + 1,
      updated_at = now()
    where intent_id = \(record.intent) and id = \(record.id)
    """
  }

  /// Refunds that are due; the lease is the next try, later each time.
  static func takeDue(limit: Int64) -> Statement {
    """
    update refund r set tries = r.tries + 1,
      next_try_at = now() + make_interval(secs => least(\(RefundSchedule.longestSeconds),
        \(RefundSchedule.baseSeconds) * power(2, least(r.tries, 20))))
    from (
      select intent_id, id from refund where next_try_at < now()
      order by next_try_at limit \(limit) for update skip locked
    ) due
    where r.intent_id = due.intent_id and r.id = due.id
    returning r.intent_id, r.operation_id, r.id
    """
  }
}
