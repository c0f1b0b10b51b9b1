import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit

/// What stays unknown: the operation closes by age, and people hear of what nothing proves.
extension GatewayFlow {
  static let unprovenKind = "reversal_unproven"

  /// Closes an operation that has been open for too long. Everything of it is condemned; its last
  /// fact waits until each attempt has evidence. What the bank works on is not given up.
  /// - Returns: whether it is closed now.
  func giveUp(_ record: OperationRecord) async throws -> Bool {
    let age = environment.clock.now - record.createdAt
    guard age >= .milliseconds(Int64(times.giveUp(offSession: record.offSession) * 1_000)) else {
      return false
    }
    let moved = try await move(record.id, of: record.intent, .init(detail: "given up")) {
      operation, step in
      guard step == 0, case .open(let live, _) = operation.phase,
        live.allSatisfy({ $0.evidence != .pending })
      else { return nil }
      return .close(.gaveUp, onlyIfUnsent: false)
    }
    return moved.record.operation.state == .closed
  }

  /// The schedule is over and nothing has proven what became of the attempt.
  func reportUnproven(_ id: AttemptID, _ record: OperationRecord) async throws {
    guard let attempt = record.operation.attempt(id), !attempt.evidence.isResolved else { return }
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          .critical, kind: Self.unprovenKind, subject: id.description,
          message: "Attempt \(id) of \(record.intent) at \(attempt.gateway) is still "
            + "\(attempt.evidence.name) a day after it was condemned. Look for reference "
            + "\(GatewayReference.authorize(id).text) in the gateway's accounting report, and give "
            + "back there what it shows.",
          actor: "service:gateway-router", merchant: UUIDBits(record.merchant.bits))))
  }
}
