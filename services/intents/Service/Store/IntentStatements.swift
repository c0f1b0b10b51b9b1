import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// The SQL of payment intents.
enum IntentStatements {
  static func insert(_ intent: IntentRow, _ stamp: Stamp) -> Statement {
    let state = StateColumns(intent)
    return """
      insert into payment_intent (merchant_id, id, livemode, currency, amount_minor,
        capture_method, status, processing_reason, authorized, payment_method_id, customer_id,
        description, statement_descriptor, metadata_keys, metadata_values, origin_type, origin_id,
        current_operation_id, version, created_at, updated_at, actor, trace_id)
      values (\(intent.merchant), \(intent.id), \(intent.livemode),
        \(intent.amount.currency.code), \(intent.amount.minor), \(intent.captureMethod.rawValue),
        \(state.status), \(state.reason), \(state.authorized), \(intent.paymentMethod),
        \(intent.customer), \(intent.description), \(intent.statementDescriptor),
        \(intent.metadataKeys), \(intent.metadataValues), \(intent.originType),
        \(intent.originID), \(intent.currentOperation), \(intent.version), \(intent.createdAt),
        \(intent.updatedAt), \(stamp.actor), \(stamp.traceID))
      """
  }

  /// Locks the intent; every change of it happens under this lock. PostgreSQL reads the row anew when
  /// it had to wait, but not the sums beside it: whoever decides by them reads them afterwards.
  static func lock(_ id: PaymentIntentID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: IntentRow.columns) from payment_intent i
    where i.merchant_id = \(merchant) and i.id = \(id) for update of i
    """
  }

  static func get(_ id: PaymentIntentID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: IntentRow.columns) from payment_intent i
    where i.merchant_id = \(merchant) and i.id = \(id)
    """
  }

  static func list(
    of merchant: MerchantID, before: PaymentIntentID?, status: Int16?, limit: Int64
  ) -> Statement {
    """
    select \(raw: IntentRow.columns) from payment_intent i
    where i.merchant_id = \(merchant)
      and i.id < coalesce(\(before), 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
      and (\(status)::smallint is null or i.status = \(status)::smallint)
    order by i.id desc limit \(limit)
    """
  }

  /// Writes everything that can change.
  /// - Parameter version: no row if the row's is another one; nil under the intent's lock.
  static func update(
    _ intent: IntentRow, from version: Int64? = nil, _ stamp: Stamp
  ) -> Statement {
    let state = StateColumns(intent)
    return """
      update payment_intent set status = \(state.status), processing_reason = \(state.reason),
        authorized = \(state.authorized), failure_kind = \(state.failure?.kind.rawValue),
        failure_code = \(state.failure?.code),
        failure_decline_class = \(state.failure?.declineClass?.rawValue),
        failure_gateway_code = \(state.failure?.gatewayCode),
        payment_method_id = \(intent.paymentMethod), gateway = \(intent.gateway),
        gateway_account = \(intent.gatewayAccount), gateway_reference = \(intent.gatewayReference),
        authorized_minor = \(intent.authorizedMinor),
        current_operation_id = \(intent.currentOperation), next_check_at = \(intent.nextCheckAt),
        capture_before = \(intent.captureBefore), next_action = \(intent.nextAction?.encode()),
        version = \(intent.version), updated_at = \(intent.updatedAt), actor = \(stamp.actor),
        trace_id = \(stamp.traceID)
      where merchant_id = \(intent.merchant) and id = \(intent.id)
        and version = coalesce(\(version)::bigint, version)
      """
  }

  static func change(_ intent: IntentRow, cause: String, _ stamp: Stamp) -> Statement {
    """
    insert into payment_intent_change
      (merchant_id, intent_id, version, status, cause, actor, trace_id, at)
    values (\(intent.merchant), \(intent.id), \(intent.version),
      \(intent.state.status.rawValue), \(cause), \(stamp.actor), \(stamp.traceID),
      \(intent.updatedAt))
    """
  }

  static func changes(_ id: PaymentIntentID, of merchant: MerchantID) -> Statement {
    """
    select version, status, cause, actor, at, trace_id from payment_intent_change
    where merchant_id = \(merchant) and intent_id = \(id) order by version
    """
  }

  static func insertOrigin(_ intent: IntentRow, type: String, id: String) -> Statement {
    """
    insert into origin (merchant_id, type, id, intent_id)
    values (\(intent.merchant), \(type), \(id), \(intent.id))
    on conflict (merchant_id, type, id) do nothing
    returning intent_id
    """
  }

  /// Of an intent that was rebuilt without one, unless another intent has it.
  static func adoptOrigin(
    _ intent: PaymentIntentID, of merchant: MerchantID, type: String, id: String
  ) -> Statement {
    """
    with adopted as (
      update payment_intent set origin_type = \(type), origin_id = \(id)
      where merchant_id = \(merchant) and id = \(intent) and origin_type is null
        and not exists (select 1 from origin
          where merchant_id = \(merchant) and type = \(type) and id = \(id))
      returning 1)
    insert into origin (merchant_id, type, id, intent_id)
    select \(merchant), \(type), \(id), \(intent) from adopted
    """
  }

  static func originOwner(_ merchant: MerchantID, type: String, id: String) -> Statement {
    "select intent_id from origin where merchant_id = \(merchant) and type = \(type) and id = \(id)"
  }

  static func customerExists(_ id: CustomerID, of merchant: MerchantID) -> Statement {
    "select 1::int from customer where merchant_id = \(merchant) and id = \(id)"
  }

  /// An authorisation is over by the gateway's rule for this long, and the gateway has not said so:
  /// people must know. Again after as long.
  static let overdueSeconds: Double = 86_400

  /// Authorisations that are overdue, the longest first; marks them, so that another replica looks
  /// elsewhere.
  static func takeOverdue(limit: Int64) -> Statement {
    """
    update payment_intent i set next_check_at = now() + make_interval(secs => \(overdueSeconds))
    from (
      select merchant_id, id from payment_intent
      where status = 4 and capture_before < now() - make_interval(secs => \(overdueSeconds))
        and (next_check_at is null or next_check_at < now())
      order by capture_before limit \(limit) for update skip locked
    ) due
    where i.merchant_id = due.merchant_id and i.id = due.id
    returning i.merchant_id, i.id
    """
  }

  /// Between two looks at an intent whose answer should have been here by now.
  static let checkSeconds: Double = 10
  /// What a bank works on takes days: looks are as far apart as it is old, at most this.
  static let bankCheckSecondsMax: Double = 3_600

  /// Until what a restore holds is asked for again: it stays so for long, and others have their turn.
  static let heldCheckSeconds: Double = 60

  static func putOff(_ id: PaymentIntentID, of merchant: MerchantID) -> Statement {
    """
    update payment_intent set
      next_check_at = greatest(next_check_at, now() + make_interval(secs => \(heldCheckSeconds)))
    where merchant_id = \(merchant) and id = \(id) and status = 3
    """
  }

  /// Intents that have been processing for a while with nobody at work on them, the longest first;
  /// marks them, so that another replica looks elsewhere. One that was changed ahead of the database's
  /// time, by a process whose clock was wrong, has the age of its operation.
  static func takeStuck(olderThanSeconds: Double, limit: Int64) -> Statement {
    """
    update payment_intent i set next_check_at = now() + make_interval(secs =>
      case when i.processing_reason = \(ProcessingReason.bankPending.rawValue)
        then least(\(bankCheckSecondsMax), greatest(\(checkSeconds),
          extract(epoch from now() - i.updated_at)::float8))
        else \(checkSeconds) end)
    from (
      select merchant_id, id from payment_intent p
      where status = 3
        and (updated_at < now() - make_interval(secs => \(olderThanSeconds))
          or updated_at > now() and exists (
            select from operation o
            where o.intent_id = p.id and o.id = p.current_operation_id
              and o.created_at < now() - make_interval(secs => \(olderThanSeconds))))
        and (next_check_at is null or next_check_at < now())
      order by updated_at limit \(limit) for update skip locked
    ) due
    where i.merchant_id = due.merchant_id and i.id = due.id
    returning i.merchant_id, i.id
    """
  }
}

/// A state as its columns.
private struct StateColumns {
  var status: Int16
  var reason: Int16?
  var authorized = false
  var failure: IntentFailure?

  init(_ intent: IntentRow) {
    status = intent.state.status.rawValue
    failure = intent.lastFailure
    switch intent.state {
    case .processing(let reason, let authorized):
      self.reason = reason.rawValue
      self.authorized = authorized
    case .failed(let failure):
      self.failure = failure
    case .created, .requiresAction, .requiresCapture, .succeeded, .canceled:
      break
    }
  }
}
