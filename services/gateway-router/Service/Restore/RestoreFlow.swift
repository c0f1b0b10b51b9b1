import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// A restore's beginning and end: what people say, in this database and at intents.
final class RestoreFlow: Sendable {
  static let alertKind = "restore_in_progress"
  static let detailMax = 1_000
  /// How long intents may take to confirm.
  static let intentsSeconds: Int64 = 5

  let environment: ServiceEnvironment
  let ports: GatewayPorts

  init(_ environment: ServiceEnvironment, ports: GatewayPorts) {
    self.environment = environment
    self.ports = ports
  }

  func newest() async throws -> RestoreRecord? {
    try await environment.database.query(RestoreStatements.newest()).first.map {
      try RestoreRecord($0)
    }
  }

  func view(_ record: RestoreRecord) async throws -> RestoreView {
    try RestoreView(
      record,
      try await environment.database.transaction(batch: RestoreView.statements(record.id)),
      unlisted: ports.unlistedAccounts)
  }

  func payments(
    _ record: RestoreRecord, after place: RestoredPaymentPlace?, limit: Int64
  ) async throws -> [RestoredPaymentView] {
    try await environment.database.query(
      RestoreHoldStatements.page(of: record.id, after: place, limit: limit)
    ).map { try RestoredPaymentView($0) }
  }

  // MARK: Closing

  /// Within the claim's transaction.
  /// - Throws: RESTORE_EXISTS.
  func begin(
    _ id: RestoreID, pointAt: Timestamp, reason: String, _ call: CallContext,
    in transaction: borrowing Transaction
  ) async throws -> RestoreView {
    let stamp = environment.stamp
    try await Self.refusingSecond {
      try await transaction.query(
        RestoreStatements.insert(id, pointAt: pointAt, reason: reason, by: call.actor, stamp))
    }
    let from = pointAt + .seconds(-RestoreRule.overlapSeconds)
    _ = try await transaction.batch(
      readings(of: id, from: from) + [
        RestoreStatements.note(id, "begun", reason: reason, stamp),
        Alerts.raise(
          Alert(
            .critical, kind: Self.alertKind, subject: id.description,
            message: "The database was restored to \(pointAt): no money moves until operators open "
              + "it again. See tender restore status.",
            actor: stamp.actor)),
      ])
    return try await Self.view(id, unlisted: ports.unlistedAccounts, in: transaction)
  }

  private func readings(of id: RestoreID, from: Timestamp) -> [Statement] {
    ports.listedAccounts.flatMap { account in
      RestoreSubject.allCases.map {
        RestoreStatements.insertReading(id, account, $0, from: from)
      }
    }
  }

  private static func refusingSecond(_ insert: () async throws -> Rows) async throws {
    do {
      _ = try await insert()
    } catch let error as PostgresError
      where error.isUniqueViolation(of: RestoreStatements.closedIndex)
    {
      throw RPCFailure.failedPrecondition(
        "RESTORE_EXISTS", "A restore is closed already: see tender restore status.")
    }
  }

  private static func view(
    _ id: RestoreID, unlisted: [GatewayAccount], in transaction: borrowing Transaction
  ) async throws -> RestoreView {
    let rows = try await transaction.batch(
      [RestoreStatements.lock(id)] + RestoreView.statements(id))
    guard let row = rows[0].first else {
      throw RPCFailure.notFound("RESTORE_NOT_FOUND", "There is no such restore.")
    }
    return try RestoreView(try RestoreRecord(row), rows.dropFirst(), unlisted: unlisted)
  }

  // MARK: Opening

  /// Within the claim's transaction. One person opens what is proven; otherwise one asks, and
  /// another one, who sees the same, opens.
  /// - Throws: RESTORE_NOT_FOUND, SECOND_PERSON_REQUIRED.
  func open(
    _ id: RestoreID, reason: String, _ call: CallContext, in transaction: borrowing Transaction
  ) async throws -> RestoreView {
    let seen = try await Self.view(id, unlisted: ports.unlistedAccounts, in: transaction)
    guard seen.record.state == .closed else { return seen }
    let (unproven, stamp) = (seen.standing.unproven, environment.stamp)
    let isAsked = seen.record.openAskedUnproven == unproven
    if !unproven.isEmpty, !isAsked {
      _ = try await transaction.batch([
        RestoreStatements.ask(id, unproven, by: call.actor),
        RestoreStatements.note(id, "open_asked", reason: reason, stamp),
      ])
    } else if !unproven.isEmpty, seen.record.openAskedBy == call.actor {
      throw RPCFailure.failedPrecondition(
        "SECOND_PERSON_REQUIRED",
        "Not everything is proven and you have asked already: another operator opens it.")
    } else {
      _ = try await transaction.batch([
        RestoreStatements.open(id, unproven, by: call.actor),
        RestoreStatements.note(id, "opened", reason: reason, stamp),
        Alerts.resolve(dedupKeys: ["\(Self.alertKind):\(id)"], actor: stamp.actor),
      ])
    }
    return try await Self.view(id, unlisted: ports.unlistedAccounts, in: transaction)
  }

  // MARK: intents

  /// Has intents take no order, or take them again.
  /// - Throws: UNAVAILABLE.
  func setGate(closed: Bool, pointAt: Timestamp?) async throws {
    do {
      let client = IntentsV1.PaymentRestores.Client(
        wrapping: try environment.peers.client(.intents))
      _ = try await Deadline.$current.withValue(.within(.seconds(Self.intentsSeconds))) {
        try await client.setRestoreGate(
          IntentsV1.SetRestoreGateRequest(closed: closed, pointAt: pointAt?.wire),
          metadata: OutgoingCall.metadata(key: "restore/gate/\(closed)"))
      }
    } catch {
      environment.logger.warning(
        "intents did not confirm its gate", metadata: ["closed": "\(closed)", "error": "\(error)"])
      throw RPCFailure.unavailable(
        "intents did not confirm that it is \(closed ? "closed" : "open"). Try again.")
    }
  }

  /// What the newest restore says, said to intents; without one it is open.
  func setGate() async throws {
    let newest = try await newest()
    try await setGate(closed: newest?.state == .closed, pointAt: newest?.pointAt)
  }
}
