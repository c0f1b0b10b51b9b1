import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit

/// What a restore has lost holds its payment until it is rebuilt or settled, also after operators
/// have let money move again: what a gateway has taken must not be taken once more.
extension RestoreWatch {
  /// Nothing is asked of a database whose restores have left nothing.
  /// - Parameter operation: of what is unresolved only what may be this one's; nil: whatever is the
  ///   intent's.
  func hold(
    on intent: PaymentIntentID, of merchant: MerchantID, operation: OperationID? = nil
  ) async throws -> RestoreHold {
    guard try await mayHold() else { return .free }
    return try RestoreHold(
      try await environment.database.query(
        RestoreHoldStatements.hold(on: intent, of: merchant, operation)))
  }

  /// Known to every process before the first row is: rows come only from lists that are not read to
  /// their end, and the books are read only some time after the beginning.
  func mayHold() async throws -> Bool { try await gate().mayHold }

  /// What is left of a hold that is not unresolved.
  /// - Returns: whether a lost payment stands.
  /// - Throws: RESTORED_PAYMENT_UNRESOLVED.
  @discardableResult
  func resolved(
    _ intent: PaymentIntentID, of merchant: MerchantID, operation: OperationID? = nil
  ) async throws -> Bool {
    let hold = try await hold(on: intent, of: merchant, operation: operation)
    guard hold.isUnresolved else { return hold == .stands }
    let what =
      hold == .pending
      ? "is not yet rebuilt. Try again later."
      : "is for people: operators settle it (tender restore list)."
    throw RPCFailure(
      .unavailable, "RESTORED_PAYMENT_UNRESOLVED",
      "A gateway has a payment of \(intent) that a restore has lost and that \(what)",
      retryAfterMilliseconds: 5_000)
  }

  static var refundUnresolved: RPCFailure {
    RPCFailure(
      .unavailable, "RESTORED_REFUND_UNRESOLVED",
      "The gateway has a refund of this payment that a restore of the database has lost: operators "
        + "settle it first (tender restore list). Nothing was sent.",
      retryAfterMilliseconds: 5_000)
  }
}

extension RestoreHold {
  /// The row of `RestoreHoldStatements.hold`.
  init(_ rows: Rows) throws {
    let (pending, forPeople, stands) = try rows.single().decode((Bool, Bool, Bool).self)
    self.init(pending: pending, forPeople: forPeople, stands: stands)
  }
}

extension GatewayFlow {
  /// Whether an operation may end for want of routes or of time: not while a restore is closed, nor
  /// while a lost payment may be its own. Another operation's does not keep it: that can only be rebuilt
  /// when this one has ended, and nothing new is executed meanwhile.
  func mayEnd(_ record: OperationRecord) async throws -> Bool {
    guard try await !ports.routing.restore.gate().isClosed else { return false }
    return try await !ports.routing.restore.hold(
      on: record.intent, of: record.merchant, operation: record.id
    ).isUnresolved
  }
}
