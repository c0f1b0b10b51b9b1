import GatewayCore
import Money
import Postgres
import ReportFormats
import ServiceKit

/// What a payment accounting report says of payments that this database does not know after a
/// restore. Their lines name no intent and no merchant: they are for people.
struct RestoreReports: Sendable {
  static let chunk = 1_000
  /// Unknown payments of one report that are kept.
  static let foundMax = 10_000

  let environment: ServiceEnvironment

  /// The restore that is closed, or the one whose days the report is about: what it names late was lost
  /// all the same.
  func restore(for identity: ReportIdentity) async throws -> RestoreRecord? {
    guard identity.kind == .paymentAccounting, let day = ReportFileName(identity.name)?.day else {
      return nil
    }
    return try await environment.database.query(RestoreStatements.restore(about: day)).first.map {
      try RestoreRecord($0)
    }
  }

  /// - Throws: REPORT_TOO_LARGE.
  func note(
    _ payments: AccountedPayments, of identity: ReportIdentity, _ restore: RestoreRecord
  ) async throws {
    guard let day = ReportFileName(identity.name)?.day else { return }
    let unknown = try await unknown(payments.holding)
    guard !payments.isCut, unknown.count <= Self.foundMax else {
      throw RPCFailure.failedPrecondition(
        "REPORT_TOO_LARGE",
        "The report names too many payments that this database does not know: compare it by hand.")
    }
    let actor = environment.stamp.actor
    let rows = unknown.map { attempt, entry in
      RestoreStatements.insert(
        RestoreStatements.FoundRow(
          reference: entry.paymentReference,
          ownReference: GatewayReference.authorize(attempt).text, madeAt: Timestamp(day),
          state: .forPeople,
          detail: "in \(identity.name): "
            + entry.types.map(\.rawValue).sorted().joined(separator: ", "),
          claim: nil, identity: nil, amount: entry.amount, attempt: attempt),
        of: restore.id, identity.account, actor: actor)
    }
    try await environment.database.transaction(
      batch: rows + [
        RestoreStatements.insertReport(
          restore.id, identity.account, day: day, name: identity.name, actor: actor)
      ])
  }

  private func unknown(
    _ entries: [AttemptID: AccountedPayments.Entry]
  ) async throws -> [AttemptID: AccountedPayments.Entry] {
    var unknown = entries
    let ids = Array(entries.keys)
    for start in stride(from: 0, to: ids.count, by: Self.chunk) {
      let chunk = Array(ids[start..<min(start + Self.chunk, ids.count)])
      for row in try await environment.database.query(RestoreStatements.known(chunk)) {
        unknown[try row[0, as: AttemptID.self]] = nil
      }
    }
    return unknown
  }
}
