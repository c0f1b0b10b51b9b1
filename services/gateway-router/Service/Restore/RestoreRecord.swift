import GatewayCore
import Money
import Postgres

/// A row of `restore`.
struct RestoreRecord: Sendable {
  enum State: Int16, Sendable {
    case closed = 1
    case open = 2
  }

  var id: RestoreID
  var pointAt: Timestamp
  var state: State
  var reason: String
  var begunBy: String
  var begunAt: Timestamp
  var openAskedBy: String?
  var openAskedUnproven: [String]?
  var openedBy: String?
  var openedAt: Timestamp?
  var unproven: [String]?

  static let columns = """
    id, point_at, state, reason, begun_by, begun_at, open_asked_by, open_asked_unproven, opened_by,
    opened_at, unproven
    """

  init(_ row: Row) throws {
    id = try row[0, as: RestoreID.self]
    pointAt = try row[1, as: Timestamp.self]
    guard let state = State(rawValue: try row[2, as: Int16.self]) else {
      throw PostgresError(.decoding, "restore.state holds an unknown value")
    }
    self.state = state
    reason = try row[3, as: String.self]
    begunBy = try row[4, as: String.self]
    begunAt = try row[5, as: Timestamp.self]
    openAskedBy = try row[6, as: String?.self]
    openAskedUnproven = try row[7, as: [String]?.self]
    openedBy = try row[8, as: String?.self]
    openedAt = try row[9, as: Timestamp?.self]
    unproven = try row[10, as: [String]?.self]
  }
}

/// What of an account is listed.
enum RestoreSubject: String, Sendable, CaseIterable {
  case payments
  case refunds
}

/// How far one of an account's lists was read.
struct RestoreReadingRecord: Sendable {
  var account: GatewayAccount
  var subject: RestoreSubject
  var listedFrom: Timestamp
  var finishedAt: Timestamp?
  var itemsRead: Int64
  var itemsForeign: Int64
  var error: String

  init(_ row: Row) throws {
    guard let gateway = GatewayName(rawValue: try row[0, as: String.self]),
      let subject = RestoreSubject(rawValue: try row[7, as: String.self])
    else { throw PostgresError(.decoding, "restore_reading holds an unknown word") }
    self.subject = subject
    account = GatewayAccount(gateway: gateway, account: try row[1, as: String.self])
    listedFrom = try row[2, as: Timestamp.self]
    finishedAt = try row[3, as: Timestamp?.self]
    itemsRead = try row[4, as: Int64.self]
    itemsForeign = try row[5, as: Int64.self]
    error = try row[6, as: String.self]
  }
}

/// A payment that was found and not known, as its row.
struct FoundPayment: Sendable {
  enum State: Int16, Sendable {
    case found = 1
    case rebuilt = 2
    case forPeople = 3
    case settled = 4
  }

  var restore: RestoreID
  var gateway: String
  var account: String
  var reference: String
  var ownReference: String
  var madeAt: Timestamp
  var state: State
  var detail: String
  var merchant: MerchantID?
  var intent: PaymentIntentID?
  var operation: OperationID?
  var amount: Amount?
  /// Of a refund: the gateway's id of its payment.
  var paymentReference: String?
  /// Whose key has paid; known also of what is not whole.
  var claim: ClaimIdentity?
  /// Whole: only then can it be rebuilt.
  var identity: PaymentIdentity?

  static let columns = """
    gateway, account, reference, own_reference, made_at, state, detail, merchant_id, intent_id,
    operation_id, currency, amount_minor, attempt_id, payment_method_id, key_proof, capture_method,
    off_session, mode, method, attempt_sequence, restore_id, payment_reference
    """
  static let columnCount = 22

  static func columns(of table: String) -> String {
    columns.split(separator: ",").map { "\(table).\($0.drop(while: \.isWhitespace))" }
      .joined(separator: ", ")
  }

  init(_ row: Row) throws {
    gateway = try row[0, as: String.self]
    account = try row[1, as: String.self]
    reference = try row[2, as: String.self]
    ownReference = try row[3, as: String.self]
    madeAt = try row[4, as: Timestamp.self]
    guard let state = State(rawValue: try row[5, as: Int16.self]) else {
      throw PostgresError(.decoding, "restore_payment.state holds an unknown value")
    }
    self.state = state
    detail = try row[6, as: String.self]
    restore = try row[20, as: RestoreID.self]
    paymentReference = try row[21, as: String?.self]
    merchant = try row[7, as: MerchantID?.self]
    intent = try row[8, as: PaymentIntentID?.self]
    operation = try row[9, as: OperationID?.self]
    let currency = try row[10, as: String?.self].flatMap { Currency($0) }
    let minor = try row[11, as: Int64?.self]
    if let currency, let minor { amount = Amount(currency, minor: minor) }
    guard let merchant, let intent, let operation,
      let keyProof = try row[14, as: [UInt8]?.self]
    else { return }
    claim = ClaimIdentity(
      merchant: merchant, intent: intent, operation: operation, keyProof: keyProof)
    guard let amount, let attempt = try row[12, as: AttemptID?.self],
      let paymentMethod = try row[13, as: PaymentMethodID?.self],
      let capture = try row[15, as: Int16?.self].flatMap(Operation.CaptureMethod.init(rawValue:)),
      let isOffSession = try row[16, as: Bool?.self],
      let mode = try row[17, as: Int16?.self].flatMap(Attempt.Mode.init(rawValue:)),
      let method = try row[18, as: String?.self].flatMap(MethodType.init(rawValue:)),
      let sequence = try row[19, as: Int16?.self]
    else { return }
    identity = PaymentIdentity(
      attempt: attempt, operation: operation, intent: intent, merchant: merchant,
      paymentMethod: paymentMethod, keyProof: keyProof, captureMethod: capture,
      isOffSession: isOffSession, sequence: Int(sequence), amount: amount, mode: mode,
      method: method)
  }
}
