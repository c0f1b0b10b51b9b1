import IntentsCore
import Money
import Postgres
import ServiceKit

/// The SQL of operations and captures.
enum OperationStatements {
  static func insert(_ operation: OperationRow, of intent: IntentRow, _ stamp: Stamp) -> Statement {
    """
    insert into operation (merchant_id, intent_id, id, try, payment_method_id, amount_minor,
      off_session, send_before, key_proof, return_url, actor, trace_id)
    values (\(intent.merchant), \(intent.id), \(operation.id), \(operation.try),
      \(operation.paymentMethod), \(operation.amountMinor), \(operation.offSession),
      \(operation.sendBefore), \(operation.keyProof), \(operation.returnURL), \(stamp.actor),
      \(stamp.traceID))
    """
  }

  static func list(_ intent: PaymentIntentID) -> Statement {
    """
    select \(raw: OperationRow.columns) from operation o
    where o.intent_id = \(intent) order by o.try
    """
  }

  static func appliedSequences(
    _ intents: [PaymentIntentID], _ operations: [OperationID]
  ) -> Statement {
    """
    select o.id, o.applied_sequence from unnest(\(intents), \(operations)) a(intent_id, id)
    join operation o on o.intent_id = a.intent_id and o.id = a.id
    """
  }

  /// - Parameter before: no row if another fact was applied since.
  static func applied(
    _ operation: OperationRow, of intent: PaymentIntentID, from before: Int32
  ) -> Statement {
    """
    update operation set applied_sequence = \(operation.appliedSequence),
      is_open = \(operation.isOpen)
    where intent_id = \(intent) and id = \(operation.id) and applied_sequence = \(before)
    """
  }

  static func askCapture(
    _ capture: CaptureID, of intent: IntentRow, operation: OperationID, amountMinor: Int64,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into capture (merchant_id, intent_id, id, operation_id, amount_minor, state, actor,
      trace_id)
    values (\(intent.merchant), \(intent.id), \(capture), \(operation), \(amountMinor), 1,
      \(stamp.actor), \(stamp.traceID))
    """
  }

  /// What a capture fact says; a capture that nobody here asked for gets its row all the same.
  static func decideCapture(
    _ capture: CaptureRow, of intent: IntentRow, _ stamp: Stamp
  ) -> Statement {
    """
    insert into capture as c (merchant_id, intent_id, id, operation_id, amount_minor, state,
      decided_at, actor, trace_id)
    values (\(intent.merchant), \(intent.id), \(capture.id), \(capture.operation),
      \(capture.amountMinor), \(capture.state.rawValue), \(capture.decidedAt), \(stamp.actor),
      \(stamp.traceID))
    on conflict (intent_id, id) do update set state = excluded.state,
      amount_minor = excluded.amount_minor, decided_at = excluded.decided_at
    """
  }

  /// All of one intent, for whoever holds its lock.
  static func captures(_ intent: PaymentIntentID) -> Statement {
    "select \(raw: CaptureRow.columns) from capture c where c.intent_id = \(intent) order by c.id"
  }

  /// The capture of the intent's current operation that was asked for and not decided.
  static func openCapture(_ intent: PaymentIntentID) -> Statement {
    """
    select c.id, c.amount_minor from capture c
    join payment_intent i on i.id = c.intent_id and i.merchant_id = c.merchant_id
    where c.intent_id = \(intent) and c.state = 1 and c.operation_id = i.current_operation_id
    order by c.created_at limit 1
    """
  }
}
