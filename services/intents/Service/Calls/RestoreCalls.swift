import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.intents.v1.PaymentRestores.
struct RestoreCalls: IntentsV1.PaymentRestores.SimpleServiceProtocol {
  static let keyProofBytes = 32

  let environment: ServiceEnvironment
  let payments: RestoredPayments

  func setRestoreGate(
    request: IntentsV1.SetRestoreGateRequest, context: ServerContext
  ) async throws -> IntentsV1.SetRestoreGateResponse {
    _ = try await environment.database.query(
      RestoredClaimStatements.setGate(
        closed: request.closed, pointAt: request.pointAt.map(Timestamp.init(wire:)),
        environment.stamp))
    return IntentsV1.SetRestoreGateResponse()
  }

  func restorePayment(
    request: IntentsV1.RestorePaymentRequest, context: ServerContext
  ) async throws -> IntentsV1.RestorePaymentResponse {
    let (result, detail) = try await payments.restore(try order(request))
    return IntentsV1.RestorePaymentResponse(result: result, detail: detail)
  }

  private func order(
    _ request: IntentsV1.RestorePaymentRequest
  ) throws(RPCFailure) -> RestoreOrder {
    if request.amount != nil { _ = try RequestFields.amount(request.amount, field: "amount") }
    guard request.keyProof.count == Self.keyProofBytes else {
      throw .invalid("key_proof", "KEY_PROOF_INVALID", "The proof of a key has 32 bytes.")
    }
    return RestoreOrder(
      merchant: try CallContext.require().requireMerchant(),
      intent: try RequestFields.requiredID(request.intentID, "intent_id"),
      operation: try RequestFields.requiredID(request.operationID, "operation_id"),
      keyProof: request.keyProof, gateway: request.gateway,
      gatewayAccount: request.gatewayAccount, gatewayReference: request.gatewayReference,
      claimState: Self.state(request.claimState),
      payment: request.claimOnly ? nil : try payment(request))
  }

  private static func state(_ wire: IntentsV1.RestoredClaimState) -> RestoredClaim.State {
    switch wire {
    case .pending: .pending
    case .forPeople, .unrecognized: .forPeople
    case .settled, .unspecified: .settled
    }
  }

  private func payment(
    _ request: IntentsV1.RestorePaymentRequest
  ) throws(RPCFailure) -> RestoreOrder.Payment {
    RestoreOrder.Payment(
      amount: try RequestFields.amount(request.amount, field: "amount"),
      captureMethod: try RequestFields.captureMethod(request.captureMethod),
      paymentMethod: try RequestFields.requiredID(request.paymentMethodID, "payment_method_id"),
      isOffSession: request.offSession,
      createdAt: request.createdAt.map(Timestamp.init(wire:)) ?? environment.clock.now)
  }
}
