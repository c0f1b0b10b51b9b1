import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit

/// What a restore has lost holds its payment until it is rebuilt or settled, also after operators
/// have let money move again: what a gateway has taken must not be taken once more.
extension RestoreWatch {
  /// Nothing is asked of the database that was never restored.
  func hold(on intent: PaymentIntentID, of merchant: MerchantID) async throws -> RestoreHold {
    guard try await wasRestored() else { return .free }
    let (pending, forPeople, stands) = try await environment.database.query(
      RestoreHoldStatements.hold(on: intent, of: merchant)
    ).single().decode((Bool, Bool, Bool).self)
    return RestoreHold(pending: pending, forPeople: forPeople, stands: stands)
  }

  /// Known to every process before the first row is: the books are read only some time after the
  /// beginning.
  func wasRestored() async throws -> Bool { try await gate().begunAt != nil }

  /// - Throws: RESTORED_PAYMENT_UNRESOLVED.
  func requireResolved(_ intent: PaymentIntentID, of merchant: MerchantID) async throws {
    _ = try await resolved(intent, of: merchant)
  }

  /// What is left of a hold that is not unresolved.
  /// - Returns: whether a lost payment stands.
  /// - Throws: RESTORED_PAYMENT_UNRESOLVED.
  func resolved(_ intent: PaymentIntentID, of merchant: MerchantID) async throws -> Bool {
    let hold = try await hold(on: intent, of: merchant)
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

extension GatewayFlow {
  /// Whether an operation may end for want of routes or of time: not while a restore is closed, nor
  /// while nobody can say what became of the intent's lost payment.
  func mayEnd(_ record: OperationRecord) async throws -> Bool {
    guard try await !ports.routing.restore.gate().isClosed else { return false }
    return try await !ports.routing.restore.hold(on: record.intent, of: record.merchant)
      .isUnresolved
  }
}
