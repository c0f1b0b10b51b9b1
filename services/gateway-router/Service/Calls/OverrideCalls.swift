import GRPCCore
import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// What people force, and how the gateways do.
extension RoutingCalls {
  func proposeOverride(
    request: GatewayV1.ProposeOverrideRequest, context: ServerContext
  ) async throws -> GatewayV1.ProposeOverrideResponse {
    let response = try await environment.idempotency.perform(request) {
      [environment, accounts = ports.routing.accounts] transaction, call in
      let account = try Self.account(request.gateway, request.account, among: accounts)
      guard let action = GatewayOverride.Action(rawValue: Int16(clamping: request.action.rawValue))
      else {
        throw RPCFailure.invalid("action", "ACTION_REQUIRED", "Force it open or closed.")
      }
      let isLive = request.livemode
      let stamp = environment.stamp
      let asked = GatewayOverride(
        id: environment.identifiers.make(), account: account, livemode: isLive, action: action,
        state: isLive ? .proposed : .active, reason: request.reason,
        expiresAt: Timestamp(microseconds: 0), proposedBy: call.actor, approvedBy: nil)
      let rows = try await Self.refusingSecond {
        try await transaction.query(
          OverrideStatements.insert(
            asked, expiresInSeconds: Int64(request.expiresInSeconds), stamp))
      }
      let made = try GatewayOverride(try rows.single())
      _ = try await transaction.batch(
        [RoutingStatements.note("override_proposed", made.name, reason: made.words, stamp)]
          + (isLive ? [] : Self.activated(made, stamp)))
      return GatewayV1.ProposeOverrideResponse(override: GatewayV1.GatewayOverride(made))
    }
    ports.routing.wake()
    return response
  }

  func approveOverride(
    request: GatewayV1.ApproveOverrideRequest, context: ServerContext
  ) async throws -> GatewayV1.ApproveOverrideResponse {
    let response = try await environment.idempotency.perform(request) {
      [environment] transaction, call in
      guard let id = GatewayOverrideID(request.id) else {
        throw RPCFailure.invalid("id", "ID_INVALID", "This is no override's id.")
      }
      guard let row = try await transaction.query(OverrideStatements.lock(id)).first else {
        throw RPCFailure.notFound(
          "OVERRIDE_NOT_FOUND", "There is no such override, or its time is over.")
      }
      let asked = try GatewayOverride(row)
      guard asked.state == .proposed else {
        throw RPCFailure.failedPrecondition(
          "OVERRIDE_NOT_PROPOSED", "It does not wait for anybody: it is active or has ended.")
      }
      guard asked.proposedBy != call.actor else {
        throw RPCFailure.failedPrecondition(
          "SECOND_PERSON_REQUIRED", "You proposed it: somebody else approves it.")
      }
      let rows = try await Self.refusingSecond {
        try await transaction.query(OverrideStatements.approve(id, by: call.actor))
      }
      let made = try GatewayOverride(try rows.single())
      _ = try await transaction.batch(Self.activated(made, environment.stamp))
      return GatewayV1.ApproveOverrideResponse(override: GatewayV1.GatewayOverride(made))
    }
    ports.routing.wake()
    return response
  }

  func releaseOverride(
    request: GatewayV1.ReleaseOverrideRequest, context: ServerContext
  ) async throws -> GatewayV1.ReleaseOverrideResponse {
    let response = try await environment.idempotency.perform(request) {
      [environment, accounts = ports.routing.accounts] transaction, call in
      let account = try Self.account(request.gateway, request.account, among: accounts)
      let stamp = environment.stamp
      let ended = try await transaction.query(
        OverrideStatements.release(account, livemode: request.livemode, by: call.actor))
      guard ended.affected > 0 else {
        throw RPCFailure.notFound("OVERRIDE_NOT_FOUND", "Nothing is forced or proposed there.")
      }
      let key = GatewayOverride.alertKey(account, livemode: request.livemode)
      _ = try await transaction.batch([
        RoutingStatements.note(
          "override_released", "\(account) \(request.livemode ? "live" : "test")",
          reason: request.reason, stamp),
        Alerts.resolve(dedupKeys: [key], actor: stamp.actor),
      ])
      return GatewayV1.ReleaseOverrideResponse(released: UInt32(clamping: ended.affected))
    }
    ports.routing.wake()
    return response
  }

  // MARK: Health

  func listGatewayHealth(
    request: GatewayV1.ListGatewayHealthRequest, context: ServerContext
  ) async throws -> GatewayV1.ListGatewayHealthResponse {
    let breakers = ports.breakers.snapshot()
    let overrides = ports.routing.overrides
    let retries = ports.limits.retries
    return GatewayV1.ListGatewayHealthResponse(
      gateways: ports.routing.accounts.map { account in
        let usage = ports.limits.usage(of: account)
        return GatewayV1.GatewayHealth(
          gateway: account.gateway.rawValue, account: account.account,
          breakers: BreakerOperation.allCases.compactMap { operation in
            breakers[BreakerKey(account: account, operation: operation)].map {
              GatewayV1.BreakerHealth(operation, $0.breaker, $0.openedAtMilliseconds)
            }
          },
          overrides: overrides.filter { $0.account == account }
            .map(GatewayV1.GatewayOverride.init(_:)),
          callsInFlight: UInt32(clamping: usage.inFlight),
          callsInFlightMax: UInt32(clamping: ports.limits.concurrentMax),
          authorizations: UInt32(clamping: usage.authorizations),
          authorizationsSucceeded: UInt32(clamping: usage.succeeded))
      },
      routingVersion: UInt32(clamping: ports.routing.table.version),
      viewAgeMilliseconds: UInt32(clamping: ports.routing.ageMilliseconds ?? 0),
      retriesLeft: UInt32(clamping: retries.left), retriesRefused: retries.refused)
  }

  // MARK: Parts

  private static func account(
    _ gateway: String, _ account: String, among accounts: [GatewayAccount]
  ) throws(RPCFailure) -> GatewayAccount {
    let there = accounts.filter {
      $0.gateway.rawValue == gateway && (account.isEmpty || $0.account == account)
    }
    guard there.count == 1 else {
      throw .invalid(
        account.isEmpty ? "gateway" : "account", "ACCOUNT_UNKNOWN",
        "There is no such account; there are: "
          + accounts.map(\.description).joined(separator: ", ") + ".")
    }
    return there[0]
  }

  private static func refusingSecond(_ insert: () async throws -> Rows) async throws -> Rows {
    do {
      return try await insert()
    } catch let error as PostgresError
      where error.isUniqueViolation(of: OverrideStatements.activeIndex)
    {
      throw RPCFailure.failedPrecondition(
        "OVERRIDE_EXISTS", "Something is forced there already: release it first.")
    }
  }

  /// The audit's row and the alert of an override that counts from now on.
  private static func activated(_ override: GatewayOverride, _ stamp: Stamp) -> [Statement] {
    [
      RoutingStatements.note(
        "override_activated", override.name, reason: override.words, stamp),
      Alerts.raise(
        Alert(
          .warning, kind: "gateway_override", subject: override.name,
          message: "\(override.name) is \(override.words), until \(override.expiresAt).",
          actor: stamp.actor, dedupKey: override.alertKey)),
    ]
  }
}

extension GatewayOverride {
  fileprivate var name: String { "\(account) \(livemode ? "live" : "test")" }

  fileprivate var words: String {
    "forced \(action == .forceOpen ? "open" : "closed"): \(reason)"
  }
}

extension GatewayV1.GatewayOverride {
  init(_ override: GatewayOverride) {
    self.init(
      id: override.id.description, gateway: override.account.gateway.rawValue,
      account: override.account.account, livemode: override.livemode,
      action: .init(rawValue: Int32(override.action.rawValue)),
      state: .init(rawValue: Int32(override.state.rawValue)), reason: override.reason,
      expiresAt: override.expiresAt.wire, proposedBy: override.proposedBy,
      approvedBy: override.approvedBy ?? "")
  }
}

extension GatewayV1.BreakerHealth {
  fileprivate init(
    _ operation: BreakerOperation, _ breaker: Breaker, _ openedAtMilliseconds: Int64?
  ) {
    let until: Int64? =
      switch breaker.state {
      case .closed: nil
      case .open(let until), .halfOpen(_, _, let until): until
      }
    self.init(
      operation: operation.rawValue, state: breaker.state.name,
      openedAt: openedAtMilliseconds.map { Timestamp(milliseconds: $0).wire },
      until: until.map { Timestamp(milliseconds: $0).wire },
      openings: UInt32(clamping: breaker.openings))
  }
}
