import IntentsCore
import Money
import Postgres
import ServiceKit

/// The SQL of refunds. They are written only under their intent's lock.
enum RefundStatements {
  /// Until a refund that nobody answers for is driven on: longer than any live flow.
  static let firstCheckSeconds: Int64 = 15
  /// At most this far apart; by its age before.
  static let checkSecondsMax: Double = 3_600
  /// Unknown for longer than this: people must know.
  static let alertSeconds: Int64 = 3_600

  /// A new row, or what a fact has changed of it; a fact may know a refund that a restore has lost.
  /// While its outcome is unknown, its check is due by the database's clock, which decides what is:
  /// that of a process may be wrong. `nextCheckAt` is not written.
  static func write(_ refund: RefundRow, _ stamp: Stamp) -> Statement {
    """
    insert into refund as r (merchant_id, intent_id, id, operation_id, currency, amount_minor,
      reason, status, pending_reason, failure_code, failure_gateway_code, gateway, gateway_account,
      gateway_reference, metadata_keys, metadata_values, next_check_at, version, created_at,
      updated_at, actor, trace_id)
    values (\(refund.merchant), \(refund.intent), \(refund.id), \(refund.operation),
      \(refund.amount.currency.code), \(refund.amount.minor), \(refund.reason.rawValue),
      \(refund.state.status.rawValue), \(refund.pendingReason?.rawValue), \(refund.failure?.code),
      \(refund.failure?.gatewayCode), \(refund.gateway), \(refund.gatewayAccount),
      \(refund.gatewayReference), \(refund.metadataKeys), \(refund.metadataValues),
      case when \(refund.state == .pending(.outcomeUnknown))
        then now() + make_interval(secs => \(Double(firstCheckSeconds))) end,
      \(refund.version), \(refund.createdAt), \(refund.updatedAt),
      \(stamp.actor), \(stamp.traceID))
    on conflict (intent_id, id) do update set status = excluded.status,
      pending_reason = excluded.pending_reason, failure_code = excluded.failure_code,
      failure_gateway_code = excluded.failure_gateway_code, gateway = excluded.gateway,
      gateway_account = excluded.gateway_account, gateway_reference = excluded.gateway_reference,
      next_check_at = excluded.next_check_at, version = excluded.version,
      updated_at = excluded.updated_at, actor = excluded.actor, trace_id = excluded.trace_id
    """
  }

  /// All of one intent, for whoever holds its lock.
  static func list(_ intent: PaymentIntentID) -> Statement {
    "select \(raw: RefundRow.columns) from refund r where r.intent_id = \(intent) order by r.id"
  }

  static func get(_ id: RefundID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: RefundRow.columns) from refund r
    where r.merchant_id = \(merchant) and r.id = \(id)
    """
  }

  static func page(
    of merchant: MerchantID, intent: PaymentIntentID?, before: RefundID?, limit: Int64
  ) -> Statement {
    // Two statements with bounds of an index each, however they are planned.
    if let intent {
      """
      select \(raw: RefundRow.columns) from refund r
      where r.merchant_id = \(merchant) and r.intent_id = \(intent)
        and r.id < coalesce(\(before), 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
      order by r.id desc limit \(limit)
      """
    } else {
      """
      select \(raw: RefundRow.columns) from refund r
      where r.merchant_id = \(merchant)
        and r.id < coalesce(\(before), 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
      order by r.id desc limit \(limit)
      """
    }
  }

  static func intentExists(_ id: PaymentIntentID, of merchant: MerchantID) -> Statement {
    "select 1::int from payment_intent where merchant_id = \(merchant) and id = \(id)"
  }

  /// One that a restore holds is asked for again only later, as intents are.
  static func putOff(_ refund: RefundRow) -> Statement {
    """
    update refund set next_check_at = greatest(
      next_check_at, now() + make_interval(secs => \(IntentStatements.heldCheckSeconds)))
    where intent_id = \(refund.intent) and id = \(refund.id) and status = 1 and pending_reason = 1
    """
  }

  /// Refunds of unknown outcome that are due, the longest first; marks them, so that another replica
  /// looks elsewhere.
  static func takeUnknown(limit: Int64) -> Statement {
    """
    update refund r set next_check_at = now() + make_interval(secs =>
      least(\(checkSecondsMax),
        greatest(\(Double(firstCheckSeconds)), extract(epoch from now() - r.created_at)::float8)))
    from (
      select intent_id, id from refund
      where status = 1 and pending_reason = 1 and next_check_at < now()
      order by next_check_at limit \(limit) for update skip locked
    ) due
    where r.intent_id = due.intent_id and r.id = due.id
    returning r.merchant_id, r.id
    """
  }
}
