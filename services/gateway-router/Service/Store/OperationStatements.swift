import Faults
import GatewayCore
import Money
import Postgres
import ServiceKit

/// The SQL of operations.
enum OperationStatements {
  /// Three statements: the operation (locked or not), its attempts, its captures.
  static func load(
    _ id: OperationID, of intent: PaymentIntentID, lock: Bool
  ) -> [Statement] {
    let head: Statement =
      lock
      ? "select \(raw: columns) from operation where intent_id = \(intent) and id = \(id) for update"
      : "select \(raw: columns) from operation where intent_id = \(intent) and id = \(id)"
    return [
      head,
      """
      select \(raw: attemptColumns) from attempt
      where intent_id = \(intent) and operation_id = \(id) order by sequence
      """,
      """
      select id, amount_minor, state, tries, created_at from capture
      where intent_id = \(intent) and operation_id = \(id) order by created_at
      """,
    ]
  }

  private static let columns = """
    merchant_id, intent_id, id, currency, amount_minor, capture_method, payment_method_id,
    off_session, statement_descriptor, send_before, key_proof, state, close_reason, is_releasing,
    fact_count, is_final, created_at, version, method, now(), return_url
    """

  private static let attemptColumns = """
    id, sequence, gateway, account, mode, disposition, evidence, decline_class, decline_code,
    decline_gateway_code, decline_is_alive, reference, route_reason, created_at, decided_at, looks,
    evidence_detail, gateway_milliseconds, is_conflicted, orphan_minor, routing_version,
    routing_rule, routing_reason, routing_skips, decline_table_version, decline_network_code,
    decline_advice_code, decline_retry_after_seconds, action, action_tries, action_submitted
    """

  static func insert(_ record: OperationRecord, _ stamp: Stamp) -> Statement {
    let operation = record.operation
    return """
      insert into operation (merchant_id, intent_id, id, currency, amount_minor, capture_method,
        payment_method_id, off_session, statement_descriptor, send_before, key_proof, state,
        close_reason, fact_count, is_final, method, return_url, actor, trace_id)
      values (\(record.merchant), \(record.intent), \(operation.id),
        \(operation.amount.currency.code), \(operation.amount.minor),
        \(operation.captureMethod.rawValue), \(record.paymentMethod), \(record.offSession),
        \(record.statementDescriptor), \(record.sendBefore), \(record.keyProof),
        \(operation.state.rawValue), \(operation.closeReason?.rawValue),
        \(Int32(operation.factCount)), \(operation.isFinal), \(record.method?.rawValue),
        \(record.returnURL), \(stamp.actor), \(stamp.traceID))
      """
  }

  /// What `insert` violates when the operation is there already.
  static let primaryKey = "operation_pkey"

  /// What `update` raises when somebody else has changed the operation since it was read.
  static let changedMeanwhile = SQLState("TN001")

  static func update(_ record: OperationRecord) -> Statement {
    let operation = record.operation
    #if TENDER_FAULTS
      if Sabotage.noCompareAndSet.isOn { return overwrite(record) }
    #endif
    return """
      update operation set state = \(operation.state.rawValue),
        close_reason = \(operation.closeReason?.rawValue),
        is_releasing = \(operation.winner?.isReleasing ?? false),
        fact_count = \(Int32(operation.factCount)), is_final = \(operation.isFinal),
        version = \(record.version + 1), updated_at = now()
      where intent_id = \(record.intent) and id = \(record.id)
      """
  }

  static func ids(of intent: PaymentIntentID, merchant: MerchantID) -> Statement {
    """
    select id from operation where intent_id = \(intent) and merchant_id = \(merchant)
    order by created_at, id
    """
  }

  /// The looks and reversals ahead: for people.
  static func jobs(_ id: OperationID, of intent: PaymentIntentID) -> Statement {
    """
    select a.id, a.look_at, r.tries, r.condemned_at, r.next_try_at, r.finished_at
    from attempt a left join reversal r on r.intent_id = a.intent_id and r.attempt_id = a.id
    where a.intent_id = \(intent) and a.operation_id = \(id)
    """
  }

  /// What the operation's payer is asked to do now.
  static func actions(_ id: OperationID, of intent: PaymentIntentID) -> Statement {
    """
    select id, action from attempt
    where intent_id = \(intent) and operation_id = \(id) and evidence = 'requires_action'
      and not action_submitted and disposition = 1 and action is not null
    """
  }

  static func facts(_ id: OperationID, of intent: PaymentIntentID) -> Statement {
    """
    select payload from fact where intent_id = \(intent) and operation_id = \(id)
    order by sequence
    """
  }
}

extension Operation {
  var closeReason: CloseReason? {
    if case .closed(let reason, _) = phase { reason } else { nil }
  }
}

#if TENDER_FAULTS
  extension OperationStatements {
    /// `update` for whatever version the row has.
    fileprivate static func overwrite(_ record: OperationRecord) -> Statement {
      let operation = record.operation
      return """
        update operation set state = \(operation.state.rawValue),
          close_reason = \(operation.closeReason?.rawValue),
          is_releasing = \(operation.winner?.isReleasing ?? false),
          fact_count = \(Int32(operation.factCount)), is_final = \(operation.isFinal),
          version = version + 1, updated_at = now()
        where intent_id = \(record.intent) and id = \(record.id)
        """
    }
  }
#endif
