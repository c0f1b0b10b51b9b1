import Money
import Postgres
import ServiceKit

/// A capture as its row: asked for, captured or failed. Amounts are sums of these rows.
struct CaptureRow: Sendable {
  enum State: Int16, Sendable {
    case asked = 1
    case captured = 2
    case failed = 3
  }

  var id: CaptureID
  var operation: OperationID
  var amountMinor: Int64
  var state: State
  var decidedAt: Timestamp?

  /// The columns that `init(row:)` reads, of `capture c`.
  static let columns = "c.id, c.operation_id, c.amount_minor, c.state, c.decided_at"
}

extension CaptureRow {
  init(row: Row) throws {
    id = try row[0, as: CaptureID.self]
    operation = try row[1, as: OperationID.self]
    amountMinor = try row[2, as: Int64.self]
    guard let state = State(rawValue: try row[3, as: Int16.self]) else {
      throw PostgresError(.decoding, "capture.state holds an unknown value")
    }
    self.state = state
    decidedAt = try row[4, as: Timestamp?.self]
  }
}

/// What a payer's bank took back, as its row.
struct ReturnRow: Sendable {
  /// The gateway's id of the movement.
  var movement: String
  var operation: OperationID
  var amountMinor: Int64
  var reasonCode: String
  var occurredAt: Timestamp

  /// The columns that `init(row:)` reads, of `payment_return t`.
  static let columns =
    "t.movement_id, t.operation_id, t.amount_minor, t.reason_code, t.occurred_at"
}

extension ReturnRow {
  init(row: Row) throws {
    (movement, operation, amountMinor, reasonCode, occurredAt) = try row.decode(
      (String, OperationID, Int64, String, Timestamp).self)
  }
}

/// The SQL of returns. They are written only under their intent's lock, once per movement.
enum ReturnStatements {
  static func list(_ intent: PaymentIntentID) -> Statement {
    """
    select \(raw: ReturnRow.columns) from payment_return t
    where t.intent_id = \(intent) order by t.movement_id
    """
  }

  static func insert(_ row: ReturnRow, of intent: IntentRow, _ stamp: Stamp) -> Statement {
    """
    insert into payment_return (merchant_id, intent_id, movement_id, operation_id, amount_minor,
      reason_code, occurred_at, actor, trace_id)
    values (\(intent.merchant), \(intent.id), \(row.movement), \(row.operation),
      \(row.amountMinor), \(row.reasonCode), \(row.occurredAt), \(stamp.actor),
      \(stamp.traceID))
    """
  }
}
