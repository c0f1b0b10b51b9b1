import IntentsCore
import Money
import Postgres
import Wire

/// A payment intent as its row, with the sums of its capture rows.
struct IntentRow: Sendable {
  var merchant: MerchantID
  var id: PaymentIntentID
  var amount: Amount
  var captureMethod: CaptureMethod
  var state: IntentState {
    // What a payer has to do ends with the state.
    didSet { if state != .requiresAction { nextAction = nil } }
  }
  var paymentMethod: PaymentMethodID?
  var customer: CustomerID?
  var description: String
  var statementDescriptor: String
  var metadataKeys: [String]
  var metadataValues: [String]
  var originType: String?
  var originID: String?
  /// The failure of an earlier try; equal to the state's own when it has failed.
  var lastFailure: IntentFailure?
  var gateway: String
  var gatewayAccount: String
  var gatewayReference: String
  var authorizedMinor: Int64
  var capturedMinor: Int64
  /// What refunds have given back.
  var refundedMinor: Int64 = 0
  /// What refunds that are not proven failed take.
  var refundsReservedMinor: Int64 = 0
  /// What payers' banks have taken back.
  var returnedMinor: Int64 = 0
  var currentOperation: OperationID?
  var nextCheckAt: Timestamp?
  /// Until when the gateway keeps the authorisation, by its published rule.
  var captureBefore: Timestamp?
  /// What the payer has to do; only in requires_action. Not logged, and in no event.
  var nextAction: GatewayV1.NextAction?
  var version: Int64
  var createdAt: Timestamp
  var updatedAt: Timestamp

  var livemode: Bool { merchant.isLive }

  var origin: (type: String, id: String)? {
    guard let originType, let originID else { return nil }
    return (originType, originID)
  }

  var amounts: IntentAmounts {
    IntentAmounts(
      intendedMinor: amount.minor, authorizedMinor: authorizedMinor, capturedMinor: capturedMinor,
      refundsReservedMinor: refundsReservedMinor, returnedMinor: returnedMinor)
  }
}

extension IntentRow {
  /// The columns that `init(row:)` reads, of `payment_intent i`.
  static let columns = """
    i.merchant_id, i.id, i.currency, i.amount_minor, i.capture_method, i.status,
    i.processing_reason, i.authorized, i.failure_kind, i.failure_code, i.failure_decline_class,
    i.failure_gateway_code, i.payment_method_id, i.customer_id, i.description,
    i.statement_descriptor, i.metadata_keys, i.metadata_values, i.origin_type, i.origin_id,
    i.gateway, i.gateway_account, i.gateway_reference, i.authorized_minor,
    (select coalesce(sum(c.amount_minor), 0)::bigint from capture c
      where c.intent_id = i.id and c.state = 2),
    i.current_operation_id, i.next_check_at, i.version, i.created_at, i.updated_at,
    (select coalesce(sum(r.amount_minor), 0)::bigint from refund r
      where r.intent_id = i.id and r.status = 2),
    (select coalesce(sum(r.amount_minor), 0)::bigint from refund r
      where r.intent_id = i.id and r.status <> 3),
    (select coalesce(sum(t.amount_minor), 0)::bigint from payment_return t
      where t.intent_id = i.id), i.capture_before, i.next_action
    """

  init(row: Row) throws {
    merchant = try row[0, as: MerchantID.self]
    id = try row[1, as: PaymentIntentID.self]
    let currency = try Self.known(Currency(row[2, as: String.self]))
    amount = Amount(currency, minor: try row[3, as: Int64.self])
    captureMethod = try Self.known(CaptureMethod(rawValue: row[4, as: Int16.self]))
    lastFailure = try Self.failure(row)
    state = try Self.state(row, lastFailure)
    paymentMethod = try row[12, as: PaymentMethodID?.self]
    customer = try row[13, as: CustomerID?.self]
    description = try row[14, as: String.self]
    statementDescriptor = try row[15, as: String.self]
    metadataKeys = try row[16, as: [String].self]
    metadataValues = try row[17, as: [String].self]
    originType = try row[18, as: String?.self]
    originID = try row[19, as: String?.self]
    gateway = try row[20, as: String.self]
    gatewayAccount = try row[21, as: String.self]
    gatewayReference = try row[22, as: String.self]
    authorizedMinor = try row[23, as: Int64.self]
    capturedMinor = try row[24, as: Int64.self]
    currentOperation = try row[25, as: OperationID?.self]
    nextCheckAt = try row[26, as: Timestamp?.self]
    version = try row[27, as: Int64.self]
    createdAt = try row[28, as: Timestamp.self]
    updatedAt = try row[29, as: Timestamp.self]
    refundedMinor = try row[30, as: Int64.self]
    refundsReservedMinor = try row[31, as: Int64.self]
    returnedMinor = try row[32, as: Int64.self]
    captureBefore = try row[33, as: Timestamp?.self]
    if state == .requiresAction {
      nextAction = try row[34, as: [UInt8]?.self].map {
        try GatewayV1.NextAction(decoding: $0, strict: false)
      }
    }
  }

  private static func failure(_ row: Row) throws -> IntentFailure? {
    guard let kind = try row[8, as: Int16?.self] else { return nil }
    return IntentFailure(
      kind: try known(IntentFailure.Kind(rawValue: kind)),
      code: try row[9, as: String?.self] ?? "",
      declineClass: try row[10, as: Int16?.self].flatMap(DeclineClass.init(rawValue:)),
      gatewayCode: try row[11, as: String?.self] ?? "")
  }

  private static func state(_ row: Row, _ failure: IntentFailure?) throws -> IntentState {
    switch try known(IntentStatus(rawValue: row[5, as: Int16.self])) {
    case .created: .created
    case .requiresAction: .requiresAction
    case .processing:
      .processing(
        try known(row[6, as: Int16?.self].flatMap(ProcessingReason.init(rawValue:))),
        authorized: try row[7, as: Bool.self])
    case .requiresCapture: .requiresCapture
    case .succeeded: .succeeded
    case .failed: .failed(try known(failure))
    case .canceled: .canceled
    }
  }

  private static func known<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw PostgresError(.decoding, "payment_intent holds an unknown value") }
    return value
  }
}

/// One try to move an intent's money, as its row.
struct OperationRow: Sendable {
  var id: OperationID
  var `try`: Int32
  var paymentMethod: PaymentMethodID
  var amountMinor: Int64
  var offSession: Bool
  var sendBefore: Timestamp
  var keyProof: [UInt8]
  /// Where the payer comes back to; nil: gateway-router's own address.
  var returnURL: String?
  var isOpen: Bool
  var appliedSequence: Int32

  static let columns = """
    o.id, o.try, o.payment_method_id, o.amount_minor, o.off_session, o.send_before, o.key_proof,
    o.is_open, o.applied_sequence, o.return_url
    """

  init(
    id: OperationID, try: Int32, paymentMethod: PaymentMethodID, amountMinor: Int64,
    offSession: Bool, sendBefore: Timestamp, keyProof: [UInt8], returnURL: String? = nil
  ) {
    self.id = id
    self.try = `try`
    self.paymentMethod = paymentMethod
    self.amountMinor = amountMinor
    self.offSession = offSession
    self.sendBefore = sendBefore
    self.keyProof = keyProof
    self.returnURL = returnURL
    isOpen = true
    appliedSequence = 0
  }

  init(row: Row) throws {
    (
      id, `try`, paymentMethod, amountMinor, offSession, sendBefore, keyProof, isOpen,
      appliedSequence, returnURL
    ) = try row.decode(
      (
        OperationID, Int32, PaymentMethodID, Int64, Bool, Timestamp, [UInt8], Bool, Int32, String?
      ).self)
  }
}
