import GRPCCore
import GatewayCore
import Money
import Outbox
import Postgres
import Seal
import ServiceKit
import Wire

/// tender.gateway.v1.Routing: versions of the rules. Overrides and health are in extensions.
struct RoutingCalls: GatewayV1.Routing.SimpleServiceProtocol {
  static let versionsMax: Int64 = 50
  static let changesMax: Int64 = 50
  static let draftsMax: Int64 = 1_000

  let environment: ServiceEnvironment
  let ports: GatewayPorts

  func validateRouting(
    request: GatewayV1.ValidateRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.ValidateRoutingResponse {
    switch try await ports.routing.check(request.document) {
    case .success(let document):
      return GatewayV1.ValidateRoutingResponse(rules: UInt32(document.rules.count))
    case .failure(let findings):
      return GatewayV1.ValidateRoutingResponse(
        findings: findings.all.map(GatewayV1.RoutingFinding.init(_:)))
    }
  }

  func proposeRouting(
    request: GatewayV1.ProposeRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.ProposeRoutingResponse {
    let checked = try await ports.routing.check(request.document)
    return try await environment.idempotency.perform(request) { [environment] transaction, call in
      if case .failure(let findings) = checked { throw Self.invalid(findings.first) }
      let stamp = environment.stamp
      let rows = try await transaction.batch([
        RoutingStatements.lock(), RoutingStatements.drafts(),
      ])
      guard try rows[1].single()[0, as: Int64.self] < Self.draftsMax else {
        throw RPCFailure.failedPrecondition(
          "TOO_MANY_DRAFTS", "\(Self.draftsMax) versions were never activated.")
      }
      let inserted = try await transaction.query(
        RoutingStatements.insert(
          request.document, digest: SHA256.hash(Array(request.document.utf8)),
          reason: request.reason, stamp))
      let version = try RoutingVersion(try inserted.single())
      _ = try await transaction.query(
        RoutingStatements.note("proposed", "\(version.number)", reason: request.reason, stamp))
      return GatewayV1.ProposeRoutingResponse(version: GatewayV1.RoutingVersion(version))
    }
  }

  func activateRouting(
    request: GatewayV1.ActivateRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.ActivateRoutingResponse {
    let number = Int32(clamping: request.number)
    let checked = try await usable(number)
    let response = try await environment.idempotency.perform(request) {
      [environment] transaction, call in
      _ = try await transaction.query(RoutingStatements.lock())
      let rows = try await transaction.batch([
        RoutingStatements.version(number), RoutingStatements.active(),
      ])
      guard let row = rows[0].first else { throw Self.notFound(number) }
      let version = try RoutingVersion(row)
      let active = try rows[1].first.map { try $0[0, as: Int32.self] } ?? 0
      guard version.state != .active else {
        throw RPCFailure.failedPrecondition(
          "ROUTING_VERSION_ACTIVE", "Version \(number) is the active one already.")
      }
      guard version.proposedBy != call.actor else {
        throw RPCFailure.failedPrecondition(
          "SECOND_PERSON_REQUIRED", "You proposed version \(number): somebody else activates it.")
      }
      let isDraft = version.state == .draft
      let tested = try await transaction.query(
        RoutingStatements.hasBacktest(version, against: isDraft ? active : nil))
      guard try tested.single()[0, as: Bool.self] else {
        throw RPCFailure.failedPrecondition(
          "BACKTEST_REQUIRED",
          "Run a back-test of version \(number) against version \(active) first.")
      }
      if case .failure(let findings)? = checked { throw Self.unusable(number, findings) }
      let stamp = environment.stamp
      let changed = try await transaction.batch([
        RoutingStatements.retireActive(), RoutingStatements.activate(number, by: call.actor),
        RoutingStatements.note(
          isDraft ? "activated" : "rolled_back", "\(number)", reason: request.reason, stamp),
      ])
      if !changed[0].isEmpty {
        _ = try await transaction.batch([
          RoutingStatements.note("retired", "\(active)", reason: request.reason, stamp),
          Alerts.resolve(
            dedupKeys: [RoutingWatch.unusableKey(active)], actor: stamp.actor),
        ])
      }
      return GatewayV1.ActivateRoutingResponse(
        version: GatewayV1.RoutingVersion(try RoutingVersion(try changed[1].single())))
    }
    ports.routing.wake()
    return response
  }

  func getRouting(
    request: GatewayV1.GetRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.GetRoutingResponse {
    let number = Int32(clamping: request.number)
    let rows = try await environment.database.query(RoutingStatements.version(number))
    guard let row = rows.first else { throw Self.notFound(number) }
    return GatewayV1.GetRoutingResponse(version: GatewayV1.RoutingVersion(try RoutingVersion(row)))
  }

  func listRouting(
    request: GatewayV1.ListRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.ListRoutingResponse {
    let versions = try await environment.database.query(
      RoutingStatements.versions(limit: Self.versionsMax))
    let changes = try await environment.database.query(
      RoutingStatements.changes(limit: Self.changesMax))
    return GatewayV1.ListRoutingResponse(
      versions: try versions.map { GatewayV1.RoutingVersion(try RoutingVersion($0)) },
      changes: try changes.map { row in
        let (kind, subject, reason, actor, at) = try row.decode(
          (String, String, String, String, Timestamp).self)
        return GatewayV1.RoutingChange(
          kind: kind, subject: subject, reason: reason, actor: actor, createdAt: at.wire)
      },
      settingsOrder: ports.routing.accounts.map(\.description))
  }

  // MARK: Parts

  /// The version's document as this process can use it now; nil when there is no such version.
  func usable(_ number: Int32) async throws -> Result<RoutingDocument, RoutingFindings>? {
    let rows = try await environment.database.query(RoutingStatements.version(number))
    guard let row = rows.first else { return nil }
    return try await ports.routing.check(try RoutingVersion(row).document)
  }

  static func notFound(_ number: Int32) -> RPCFailure {
    .notFound(
      "ROUTING_VERSION_NOT_FOUND",
      number == 0
        ? "No version is active: the settings' order counts." : "There is no version \(number).")
  }

  static func unusable(_ number: Int32, _ findings: RoutingFindings) -> RPCFailure {
    .failedPrecondition(
      "ROUTING_VERSION_UNUSABLE",
      "Version \(number) cannot be used with these settings: \(findings.first.words)",
      metadata: ["problem": findings.first.reason.rawValue, "place": findings.first.field])
  }

  private static func invalid(_ finding: RoutingFinding) -> RPCFailure {
    RPCFailure(
      .invalidArgument, "ROUTING_INVALID", finding.words, field: "document",
      metadata: ["problem": finding.reason.rawValue, "place": finding.field, "rule": finding.rule])
  }
}

extension RoutingFinding {
  /// "rule eu, rules[0].when.brands: … (condition_empty)".
  fileprivate var words: String {
    let place = [rule.isEmpty ? "" : "rule \(rule)", field].filter { !$0.isEmpty }
      .joined(separator: ", ")
    return (place.isEmpty ? "" : "\(place): ") + "\(message) (\(reason.rawValue))"
  }
}

extension GatewayV1.RoutingFinding {
  fileprivate init(_ finding: RoutingFinding) {
    self.init(
      rule: finding.rule, field: finding.field, reason: finding.reason.rawValue,
      message: finding.message)
  }
}

extension GatewayV1.RoutingVersion {
  init(_ version: RoutingVersion) {
    self.init(
      number: UInt32(max(0, version.number)), state: .init(rawValue: Int32(version.state.rawValue)),
      digest: Hex.encode(version.digest), reason: version.reason, proposedBy: version.proposedBy,
      approvedBy: version.approvedBy ?? "", createdAt: version.createdAt.wire,
      activatedAt: version.activatedAt?.wire, rules: UInt32(max(0, version.rules)),
      document: version.document)
  }
}
