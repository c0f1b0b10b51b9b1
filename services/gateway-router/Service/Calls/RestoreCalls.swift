import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.Restores.
struct RestoreCalls: GatewayV1.Restores.SimpleServiceProtocol {
  /// Items of one answer without a wish.
  static let pageSize: Int64 = 100

  let environment: ServiceEnvironment
  let flow: RestoreFlow
  let payments: GatewayFlow
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
    let size = request.pageSize == 0 ? Self.pageSize : Int64(request.pageSize)
    let found = try await flow.payments(
      try await newest(), after: try RestoredPaymentPlace(token: request.pageToken),
      limit: size + 1)
    let page = found.prefix(Int(size))
    return GatewayV1.ListRestoredPaymentsResponse(
      payments: page.map(GatewayV1.RestoredPayment.init(_:)),
      nextPageToken: found.count > page.count
        ? page.last.map { RestoredPaymentPlace($0.payment).token } ?? "" : "")
  }

  func settleRestoredPayment(
    request: GatewayV1.SettleRestoredPaymentRequest, context: ServerContext
  ) async throws -> GatewayV1.SettleRestoredPaymentResponse {
    guard let id = RestoreID(request.restoreID) else {
      throw RPCFailure.invalid("restore_id", "ID_INVALID", "This is no restore's id.")
    }
    let value = Int16(clamping: request.verdict.rawValue)
    guard let verdict = SettlementVerdict(rawValue: value) else {
      throw RPCFailure.invalid("verdict", "VERDICT_UNKNOWN", "This verdict is not known.")
    }
    let order = SettlementOrder(
      restore: id, gateway: request.gateway, account: request.gatewayAccount,
      reference: request.gatewayReference, verdict: verdict, words: request.words)
    let isTold = try await payments.tellSettled(order)
    return try await environment.idempotency.perform(request) { [payments] transaction, _ in
      GatewayV1.SettleRestoredPaymentResponse(
        payment: GatewayV1.RestoredPayment(
          try await payments.settle(order, isTold: isTold, in: transaction)))
    }
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
