import IntentsCore
import Money
import Postgres

/// A refund as its row.
struct RefundRow: Sendable {
  var merchant: MerchantID
  var intent: PaymentIntentID
  var id: RefundID
  var operation: OperationID
  var amount: Amount
  var reason: RefundReason
  var state: RefundState
  var gateway: String
  var gatewayAccount: String
  var gatewayReference: String
  var metadataKeys: [String]
  var metadataValues: [String]
  /// When it is driven on if nobody has answered by then, as it was read; the write sets it anew,
  /// by the state.
  var nextCheckAt: Timestamp?
  var version: Int64
  var createdAt: Timestamp
  var updatedAt: Timestamp

  /// The columns that `init(row:)` reads, of `refund r`.
  static let columns = """
    r.merchant_id, r.intent_id, r.id, r.operation_id, r.currency, r.amount_minor, r.reason,
    r.status, r.pending_reason, r.failure_code, r.failure_gateway_code, r.gateway,
    r.gateway_account, r.gateway_reference, r.metadata_keys, r.metadata_values, r.next_check_at,
    r.version, r.created_at, r.updated_at
    """
}

extension RefundRow {
  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    intent = try row[1, as: PaymentIntentID.self]
    id = try row[2, as: RefundID.self]
    operation = try row[3, as: OperationID.self]
    let currency = try Self.known(Currency(row[4, as: String.self]))
    amount = Amount(currency, minor: try row[5, as: Int64.self])
    reason = try Self.known(RefundReason(rawValue: row[6, as: Int16.self]))
    state = try Self.state(row)
    gateway = try row[11, as: String.self]
    gatewayAccount = try row[12, as: String.self]
    gatewayReference = try row[13, as: String.self]
    metadataKeys = try row[14, as: [String].self]
    metadataValues = try row[15, as: [String].self]
    nextCheckAt = try row[16, as: Timestamp?.self]
    version = try row[17, as: Int64.self]
    createdAt = try row[18, as: Timestamp.self]
    updatedAt = try row[19, as: Timestamp.self]
  }

  private static func state(_ row: Row) throws -> RefundState {
    switch try known(RefundStatus(rawValue: row[7, as: Int16.self])) {
    case .pending:
      .pending(try known(row[8, as: Int16?.self].flatMap(RefundPendingReason.init(rawValue:))))
    case .succeeded: .succeeded
    case .failed:
      .failed(
        RefundFailure(
          code: try row[9, as: String?.self] ?? "",
          gatewayCode: try row[10, as: String?.self] ?? ""))
    }
  }

  private static func known<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw PostgresError(.decoding, "refund holds an unknown value") }
    return value
  }

  var pendingReason: RefundPendingReason? {
    if case .pending(let reason) = state { reason } else { nil }
  }

  var failure: RefundFailure? {
    if case .failed(let failure) = state { failure } else { nil }
  }
}
