import IntentsCore
import Money
import Postgres
import ServiceKit

/// The claim of a key that has paid before a restore, as its row.
struct RestoredClaim: Sendable {
  /// What is known of a payment that is not rebuilt. It only ever goes on in this order.
  enum State: Int16, Sendable {
    /// It may still be rebuilt.
    case pending = 1
    case forPeople = 2
    /// Two people have said what became of it.
    case settled = 3
  }

  var merchant: MerchantID
  var intent: PaymentIntentID
  var operation: OperationID
  /// The intent is here and answers.
  var isRebuilt: Bool
  var gateway: String
  var gatewayReference: String
  var state: State

  init(row: Row) throws {
    (merchant, intent, operation, isRebuilt, gateway, gatewayReference) = try row.decode(
      (MerchantID, PaymentIntentID, OperationID, Bool, String, String).self)
    guard let state = State(rawValue: try row[6, as: Int16.self]) else {
      throw PostgresError(.decoding, "restored_claim.state holds an unknown value")
    }
    self.state = state
  }
}

/// The SQL of what a restore gives back. The schema's own triggers refuse what must not begin.
enum RestoredClaimStatements {
  /// What the schema raises: a restore is in progress; this key has paid before a restore; a lost
  /// payment of the intent is unresolved.
  static let inProgress = SQLState("TN011")
  static let claimed = SQLState("TN012")
  static let unresolved = SQLState("TN013")

  /// A row only where it changes something.
  static func setGate(closed: Bool, pointAt: Timestamp?, _ stamp: Stamp) -> Statement {
    """
    insert into restore_gate (is_closed, point_at, actor, trace_id)
    select \(closed), \(pointAt), \(stamp.actor), \(stamp.traceID)
    where \(closed) is distinct from
      coalesce((select is_closed from restore_gate order by sequence desc limit 1), false)
    """
  }

  /// No row: it was never closed.
  static func isClosed() -> Statement {
    "select is_closed from restore_gate order by sequence desc limit 1"
  }

  static func find(_ keyProof: [UInt8]) -> Statement {
    """
    select merchant_id, intent_id, operation_id, is_rebuilt, gateway, gateway_reference, state
    from restored_claim where key_proof = \(keyProof)
    """
  }

  /// Whether the key has paid, whether it is closed, whether the intent has a payment that is neither
  /// rebuilt nor settled.
  static func doubts(
    _ keyProof: [UInt8]?, _ intent: PaymentIntentID?, of merchant: MerchantID
  ) -> Statement {
    """
    select exists (select from restored_claim where key_proof = \(keyProof)),
      coalesce((select is_closed from restore_gate order by sequence desc limit 1), false),
      exists (select from restored_claim where intent_id = \(intent)
        and merchant_id = \(merchant) and not is_rebuilt and state < 3)
    """
  }

  static func merchantExists(_ merchant: MerchantID) -> Statement {
    "select 1::int from merchant where id = \(merchant)"
  }

  /// Whose an intent is, whoever asks: every intent has a history, which is found by its id alone.
  static func owner(of intent: PaymentIntentID) -> Statement {
    "select merchant_id from payment_intent_change where intent_id = \(intent) limit 1"
  }

  /// What is known of it already is not taken back.
  static func insert(
    _ order: RestoreOrder, isRebuilt: Bool, _ state: RestoredClaim.State, _ stamp: Stamp
  ) -> Statement {
    """
    insert into restored_claim as c (key_proof, merchant_id, intent_id, operation_id, is_rebuilt,
      state, gateway, gateway_account, gateway_reference, actor, trace_id)
    values (\(order.keyProof), \(order.merchant), \(order.intent), \(order.operation),
      \(isRebuilt), \(state.rawValue), \(order.gateway), \(order.gatewayAccount),
      \(order.gatewayReference), \(stamp.actor), \(stamp.traceID))
    on conflict (key_proof) do update set is_rebuilt = c.is_rebuilt or excluded.is_rebuilt,
      state = greatest(c.state, excluded.state)
    where c.operation_id = excluded.operation_id and c.merchant_id = excluded.merchant_id
    """
  }

  /// Raises `inProgress` or `unresolved`; commits with the cancel. Without a restore one look into an
  /// empty index.
  static func checkCancelable(_ intent: PaymentIntentID, of merchant: MerchantID) -> Statement {
    "select check_cancelable(\(merchant), \(intent))"
  }

  /// A claim that there is: its intent is here and answers.
  static func answered(_ order: RestoreOrder) -> Statement {
    """
    update restored_claim set is_rebuilt = true
    where key_proof = \(order.keyProof) and operation_id = \(order.operation)
      and merchant_id = \(order.merchant) and not is_rebuilt
    """
  }

  /// Not asked for by anybody: the guards of new work let it pass.
  static func insertOperation(
    _ operation: OperationRow, of intent: IntentRow, _ stamp: Stamp
  ) -> Statement {
    """
    insert into operation (merchant_id, intent_id, id, try, payment_method_id, amount_minor,
      off_session, send_before, key_proof, is_restored, created_at, actor, trace_id)
    values (\(intent.merchant), \(intent.id), \(operation.id), \(operation.try),
      \(operation.paymentMethod), \(operation.amountMinor), \(operation.offSession),
      \(operation.sendBefore), \(operation.keyProof), true, \(operation.sendBefore),
      \(stamp.actor), \(stamp.traceID))
    """
  }
}
