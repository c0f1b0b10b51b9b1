import GatewayCore
import Money
import Postgres
import ServiceKit

/// An operation as its rows: the machine's value, and what the shell needs beside it.
struct OperationRecord: Sendable {
  let merchant: MerchantID
  let intent: PaymentIntentID
  let paymentMethod: PaymentMethodID
  let offSession: Bool
  let statementDescriptor: String
  let sendBefore: Timestamp
  let keyProof: [UInt8]
  let createdAt: Timestamp
  /// Nil before the payment method is resolved, and for an operation of an older release.
  var method: MethodType?
  var operation: Operation
  /// Beside each attempt: when it was written, how often it was looked at.
  var attempts: [AttemptID: AttemptRecord]
  var captureTries: [CaptureID: Int]
  /// When each capture was asked for, as far as it was read.
  var captureTimes: [CaptureID: Timestamp] = [:]
  /// The row's, as far as it was written: 1 after the insert.
  var version: Int64 = 1
  /// Where its payer comes back to; nil: the address of the settings.
  var returnURL: String?
  /// When it was read, by the database's clock, which its times are of then. Nil: this process has
  /// just made it, and its times are of the process's own clock.
  var readAt: Timestamp?

  var id: OperationID { operation.id }

  /// The present by the clock that its times are of: what is old is old whatever time a process
  /// believes it to be.
  func now(_ clock: any WallClock) -> Timestamp { readAt ?? clock.now }

  /// Nothing of it is sent later, by that clock, whatever its order and a process's clock say.
  var sendsUntil: Timestamp { SendWindowLimits.latest(from: createdAt, offSession: offSession) }
}

struct AttemptRecord: Sendable {
  var createdAt: Timestamp
  var decidedAt: Timestamp?
  var looks: Int
  var routeReason: String
  var evidenceDetail: String
  var gatewayMilliseconds: Int32?
  /// nil on rows from before it was recorded.
  var decision: RouteDecision?
}

extension OperationRecord {
  /// From the results of `OperationStatements.load`, in its order; nil when there is no operation.
  init?(rows: [Rows]) throws {
    guard let row = rows[0].first else { return nil }
    merchant = try row[0, as: MerchantID.self]
    intent = try row[1, as: PaymentIntentID.self]
    let id = try row[2, as: OperationID.self]
    let amount = Amount(
      try Self.known(Currency(row[3, as: String.self])), minor: try row[4, as: Int64.self])
    let method = try Self.known(Operation.CaptureMethod(rawValue: row[5, as: Int16.self]))
    paymentMethod = try row[6, as: PaymentMethodID.self]
    offSession = try row[7, as: Bool.self]
    statementDescriptor = try row[8, as: String.self]
    sendBefore = try row[9, as: Timestamp.self]
    keyProof = try row[10, as: [UInt8].self]
    createdAt = try row[16, as: Timestamp.self]
    version = try row[17, as: Int64.self]
    readAt = try row[19, as: Timestamp.self]
    returnURL = try row[20, as: String?.self]
    self.method = try row[18, as: String?.self].flatMap(MethodType.init(rawValue:))
    var attempts: [AttemptID: AttemptRecord] = [:]
    var values: [(attempt: Attempt, disposition: Disposition)] = []
    for row in rows[1] {
      let (attempt, disposition, record) = try Self.attempt(row)
      values.append((attempt, disposition))
      attempts[attempt.id] = record
    }
    var captures: [Capture] = []
    var tries: [CaptureID: Int] = [:]
    for row in rows[2] {
      let (id, minor, state, count, askedAt) = try row.decode(
        (CaptureID, Int64, Int16, Int32, Timestamp).self)
      captures.append(
        Capture(
          id: id, amount: Amount(amount.currency, minor: minor),
          state: try Self.known(Capture.State(rawValue: state))))
      tries[id] = Int(count)
      captureTimes[id] = askedAt
    }
    self.attempts = attempts
    captureTries = tries
    operation = try Operation(
      id: id, amount: amount, captureMethod: method,
      rows: Operation.Rows(
        state: try Self.known(Operation.State(rawValue: row[11, as: Int16.self])),
        closeReason: try row[12, as: Int16?.self].flatMap(Operation.CloseReason.init(rawValue:)),
        isReleasing: try row[13, as: Bool.self], factCount: Int(try row[14, as: Int32.self]),
        isFinal: try row[15, as: Bool.self], attempts: values, captures: captures))
  }

  private static func attempt(_ row: Row) throws -> (Attempt, Disposition, AttemptRecord) {
    let evidence = try evidence(row)
    let attempt = Attempt(
      id: try row[0, as: AttemptID.self], sequence: Int(try row[1, as: Int32.self]),
      gateway: try known(GatewayName(rawValue: row[2, as: String.self])),
      account: try row[3, as: String.self],
      mode: try known(Attempt.Mode(rawValue: row[4, as: Int16.self])), evidence: evidence,
      reference: try row[11, as: String?.self], isConflicted: try row[18, as: Bool.self],
      orphanMinor: try row[19, as: Int64?.self],
      action: try row[28, as: [UInt8]?.self].map(PayerAction.init(stored:)),
      actionTries: Int(try row[29, as: Int16.self]))
    let record = AttemptRecord(
      createdAt: try row[13, as: Timestamp.self], decidedAt: try row[14, as: Timestamp?.self],
      looks: Int(try row[15, as: Int32.self]), routeReason: try row[12, as: String.self],
      evidenceDetail: try row[16, as: String.self],
      gatewayMilliseconds: try row[17, as: Int32?.self],
      decision: try RouteDecision(row, from: 20))
    return (attempt, try known(Disposition(rawValue: row[5, as: Int16.self])), record)
  }

  private static func evidence(_ row: Row) throws -> Evidence {
    switch try row[6, as: String.self] {
    case "sent": return .sent
    case "unknown": return .unknown
    case "pending": return .pending
    // Two columns: the release before knows no such evidence, and asks the payer still.
    case "requires_action":
      return try row[30, as: Bool.self] ? .actionSubmitted : .requiresAction
    case "authorized": return .authorized
    case "captured": return .captured
    case "not_executed": return .notExecuted
    case "canceled": return .canceled
    case "refunded": return .refunded
    case "returned": return .returned
    case "declined":
      let decline = Decline(
        class: try known(row[7, as: Int16?.self].flatMap(DeclineClass.init(rawValue:))),
        code: try row[8, as: String?.self] ?? "", gatewayCode: try row[9, as: String?.self] ?? "",
        gatewayReference: try row[11, as: String?.self],
        networkCode: try row[25, as: String?.self], adviceCode: try row[26, as: String?.self],
        retryAfterSeconds: try row[27, as: Int32?.self].map(Int64.init),
        tableVersion: try row[24, as: Int16?.self].map(Int.init))
      return .declined(decline, isAlive: try row[10, as: Bool?.self] ?? false)
    default: throw PostgresError(.decoding, "attempt.evidence holds an unknown word")
    }
  }

  private static func known<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw PostgresError(.decoding, "an operation holds an unknown value") }
    return value
  }
}
