import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Transport
import Wire

@testable import GatewayService

/// The routing calls of a replica, as the interceptor would make them for an operator.
struct Operator: Sendable {
  let name: String
  let replica: Replica

  private func call<Answer: Sendable>(
    _ method: String, key: String?,
    _ body: @escaping @Sendable (RoutingCalls, ServerContext) async throws -> Answer
  ) async throws -> Answer {
    let context = CallContext(
      method: "tender.gateway.v1.Routing/\(method)", peer: .operator(name), merchant: nil,
      trace: .random(),
      key: try IdempotencyKey(key ?? "key-\(UInt64.random(in: 0...UInt64.max))"))
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
      remotePeer: "in-process:test", localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle())
    return try await onLoop(replica.loop) { [replica] in
      try await CallContext.$current.withValue(context) {
        try await body(
          RoutingCalls(environment: replica.flow.environment, ports: replica.flow.ports), server)
      }
    }
  }

  @discardableResult
  func propose(_ document: String, key: String? = nil) async throws -> UInt32 {
    try await call("ProposeRouting", key: key) {
      try await $0.proposeRouting(
        request: .init(document: document, reason: "test"), context: $1)
    }.version?.number ?? 0
  }

  @discardableResult
  func backtest(_ number: UInt32) async throws -> GatewayV1.Backtest {
    let answer = try await call("BacktestRouting", key: nil) {
      try await $0.backtestRouting(request: .init(number: number, days: 1), context: $1)
    }
    guard let backtest = answer.backtest else { throw TestSetupError("no back-test") }
    return backtest
  }

  func activate(_ number: UInt32) async throws {
    _ = try await call("ActivateRouting", key: nil) {
      try await $0.activateRouting(request: .init(number: number, reason: "test"), context: $1)
    }
  }

  func list() async throws -> GatewayV1.ListRoutingResponse {
    try await call("ListRouting", key: nil) {
      try await $0.listRouting(request: .init(), context: $1)
    }
  }

  func health() async throws -> GatewayV1.ListGatewayHealthResponse {
    try await call("ListGatewayHealth", key: nil) {
      try await $0.listGatewayHealth(request: .init(), context: $1)
    }
  }

  func force(
    _ gateway: String, _ action: GatewayV1.OverrideAction, live: Bool = false
  ) async throws -> GatewayV1.GatewayOverride {
    let answer = try await call("ProposeOverride", key: nil) {
      try await $0.proposeOverride(
        request: .init(
          gateway: gateway, livemode: live, action: action, reason: "test",
          expiresInSeconds: 600), context: $1)
    }
    guard let made = answer.override else { throw TestSetupError("no override") }
    return made
  }

  func approve(_ override: GatewayV1.GatewayOverride) async throws {
    _ = try await call("ApproveOverride", key: nil) {
      try await $0.approveOverride(request: .init(id: override.id), context: $1)
    }
  }

  func release(_ gateway: String, live: Bool = false) async throws {
    _ = try await call("ReleaseOverride", key: nil) {
      try await $0.releaseOverride(
        request: .init(gateway: gateway, livemode: live, reason: "test"), context: $1)
    }
  }

  /// The reason of a refusal; "" if it is none.
  func refusal(_ body: (Operator) async throws -> Void) async throws -> String {
    do {
      try await body(self)
      return ""
    } catch let failure as RPCFailure {
      return failure.reason
    }
  }
}

extension Replica {
  func acting(as name: String) -> Operator { Operator(name: name, replica: self) }

  /// Reads what others have changed, as the watch does twice a second.
  func refresh() async throws { try await onLoop(loop) { try await flow.ports.routing.refresh() } }
}

extension GatewayHarness {
  func refresh() async throws {
    try await first.refresh()
    try await second.refresh()
  }

  /// "2 adyen rule reason skips" of the newest attempts, oldest first.
  func decisions(_ count: Int = 1) async throws -> [String] {
    let rows = try await first.database.query(
      """
      select routing_version || ' ' || gateway || ' ' || routing_rule || ' ' || routing_reason || ' '
        || array_to_string(routing_skips, ',')
      from attempt order by created_at desc, sequence desc limit \(Int64(count))
      """)
    return try rows.map { try $0[0, as: String.self] }.reversed()
  }
}
