import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.Restores.
struct RestoreCalls: GatewayV1.Restores.SimpleServiceProtocol {
  let environment: ServiceEnvironment
  let flow: RestoreFlow
  /// There is something to read.
  let wake: @Sendable () -> Void

  func beginRestore(
    request: GatewayV1.BeginRestoreRequest, context: ServerContext
  ) async throws -> GatewayV1.BeginRestoreResponse {
    let now = environment.clock.now
    guard let point = request.pointAt.map(Timestamp.init(wire:)), point <= now,
      now.seconds - point.seconds <= RestoreRule.pointAgeMaxSeconds
    else {
      throw RPCFailure.invalid(
        "point_at", "POINT_INVALID", "The point must be in the past, at most 30 days ago.")
    }
    // First where payments begin: nothing is asked of this service from then on.
    try await flow.setGate(closed: true, pointAt: point)
    let reason = request.reason
    let id = environment.identifiers.make(RestoreID.self)
    let response: GatewayV1.BeginRestoreResponse
    do {
      response = try await environment.idempotency.perform(request) {
        [flow] transaction, call in
        GatewayV1.BeginRestoreResponse(
          restore: try await flow.begin(id, pointAt: point, reason: reason, call, in: transaction)
            .wire)
      }
    } catch {
      // What was not begun holds nothing.
      try await flow.setGate()
      throw error
    }
    flow.ports.routing.restore.forget()
    // A repeated call may come when all is over.
    try await flow.setGate()
    wake()
    return response
  }

  func getRestore(
    request: GatewayV1.GetRestoreRequest, context: ServerContext
  ) async throws -> GatewayV1.GetRestoreResponse {
    GatewayV1.GetRestoreResponse(restore: try await flow.view(try await newest()).wire)
  }

  func listRestoredPayments(
    request: GatewayV1.ListRestoredPaymentsRequest, context: ServerContext
  ) async throws -> GatewayV1.ListRestoredPaymentsResponse {
    GatewayV1.ListRestoredPaymentsResponse(
      payments: try await flow.payments(try await newest())
        .map(GatewayV1.RestoredPayment.init(_:)))
  }

  func openRestore(
    request: GatewayV1.OpenRestoreRequest, context: ServerContext
  ) async throws -> GatewayV1.OpenRestoreResponse {
    guard let id = RestoreID(request.restoreID) else {
      throw RPCFailure.invalid("restore_id", "ID_INVALID", "This is no restore's id.")
    }
    let reason = request.reason
    let response = try await environment.idempotency.perform(request) {
      [flow] transaction, call in
      GatewayV1.OpenRestoreResponse(
        restore: try await flow.open(id, reason: reason, call, in: transaction).wire)
    }
    flow.ports.routing.restore.forget()
    try await flow.setGate()
    return response
  }

  private func newest() async throws -> RestoreRecord {
    guard let newest = try await flow.newest() else {
      throw RPCFailure.notFound("RESTORE_NOT_FOUND", "This database was never restored.")
    }
    return newest
  }
}
