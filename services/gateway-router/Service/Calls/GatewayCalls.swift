import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.GatewayRouter.
struct GatewayCalls: GatewayV1.GatewayRouter.SimpleServiceProtocol {
  /// Work on an operation goes on this long after its caller has left.
  static let limitSeconds: Int64 = 10
  /// The largest amount of one payment, in minor units; the same as the intents service's.
  static let amountMinorMax: Int64 = 99_999_999_999

  let environment: ServiceEnvironment
  let flow: GatewayFlow

  func executeOperation(
    request: GatewayV1.ExecuteOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.ExecuteOperationResponse {
    let asked = try OperationRecord(
      request, try CallContext.require().requireMerchant(), now: environment.clock.now)
    let facts = try await shielded { try await $0.execute(asked) }
    return GatewayV1.ExecuteOperationResponse(facts: facts)
  }

  func completeOperationAction(
    request: GatewayV1.CompleteOperationActionRequest, context: ServerContext
  ) async throws -> GatewayV1.CompleteOperationActionResponse {
    let (operation, intent) = try ids(request.operationID, request.intentID)
    let merchant = try CallContext.require().requireMerchant()
    let result = RedirectResult(request.redirectResult)
    guard result != nil || request.redirectResult.isEmpty else {
      throw RPCFailure.invalid(
        "redirect_result", "REDIRECT_RESULT_INVALID",
        "Decode what the payer's return carries from the URL: it is visible ASCII.")
    }
    let facts = try await shielded { flow in
      try await flow.completeAction(operation, of: intent, merchant, result)
    }
    return GatewayV1.CompleteOperationActionResponse(facts: facts)
  }

  func captureOperation(
    request: GatewayV1.CaptureOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CaptureOperationResponse {
    let (operation, intent) = try ids(request.operationID, request.intentID)
    let merchant = try CallContext.require().requireMerchant()
    guard let capture = CaptureID(request.captureID) else {
      throw RPCFailure.invalid("capture_id", "ID_INVALID", "This is no capture id.")
    }
    let amount = try Self.amount(request.amount)
    let facts = try await shielded { flow in
      try await flow.capture(operation, of: intent, merchant, capture, amount)
    }
    return GatewayV1.CaptureOperationResponse(facts: facts)
  }

  func refundOperation(
    request: GatewayV1.RefundOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.RefundOperationResponse {
    let (operation, intent) = try ids(request.operationID, request.intentID)
    let merchant = try CallContext.require().requireMerchant()
    guard let refund = RefundID(request.refundID) else {
      throw RPCFailure.invalid("refund_id", "ID_INVALID", "This is no refund id.")
    }
    let amount = try Self.amount(request.amount)
    let facts = try await shielded { flow in
      try await flow.refund(operation, of: intent, merchant, refund, amount)
    }
    return GatewayV1.RefundOperationResponse(facts: facts)
  }

  func closeOperation(
    request: GatewayV1.CloseOperationRequest, context: ServerContext
  ) async throws -> GatewayV1.CloseOperationResponse {
    let (operation, intent) = try ids(request.operationID, request.intentID)
    let merchant = try CallContext.require().requireMerchant()
    let onlyIfUnsent = request.onlyIfUnsent
    let facts = try await shielded { flow in
      try await flow.close(operation, of: intent, merchant, onlyIfUnsent: onlyIfUnsent)
    }
    return GatewayV1.CloseOperationResponse(facts: facts)
  }

  func listOperations(
    request: GatewayV1.ListOperationsRequest, context: ServerContext
  ) async throws -> GatewayV1.ListOperationsResponse {
    let merchant = try CallContext.require().requireMerchant()
    guard let intent = PaymentIntentID(request.intentID) else {
      throw RPCFailure.invalid("intent_id", "ID_INVALID", "This is no payment intent id.")
    }
    let ids = try await environment.database.query(
      OperationStatements.ids(of: intent, merchant: merchant))
    var response = GatewayV1.ListOperationsResponse()
    for row in ids {
      let id = try row[0, as: OperationID.self]
      guard let record = try await flow.load(id, of: intent) else { continue }
      response.operations.append(
        GatewayV1.Operation(
          // Whoever reads them has no payer to send anywhere.
          record, facts: try await flow.facts(id, of: intent).map(\.withoutNextAction),
          refunds: try await flow.refunds(id, of: intent, record.operation.amount.currency),
          jobs: try await flow.jobs(id, of: intent),
          giveUpAt: flow.times.giveUpAt(record)))
    }
    return response
  }

  /// Cancellation stops work only before the attempt is written; from there it belongs to the
  /// process, and the call merely waits for it.
  private func shielded<Value: Sendable>(
    _ work: @Sendable @escaping (GatewayFlow) async throws -> Value
  ) async throws -> Value {
    try await environment.shielded("operation", limit: .seconds(Self.limitSeconds)) { [flow] in
      try await work(flow)
    }
  }

  private func ids(
    _ operation: String, _ intent: String
  ) throws(RPCFailure) -> (OperationID, PaymentIntentID) {
    guard let operation = OperationID(operation) else {
      throw .invalid("operation_id", "ID_INVALID", "This is no operation id.")
    }
    guard let intent = PaymentIntentID(intent) else {
      throw .invalid("intent_id", "ID_INVALID", "This is no payment intent id.")
    }
    return (operation, intent)
  }

  static func amount(_ money: CommonV1.Money?) throws(RPCFailure) -> Amount {
    guard let money, let currency = Currency(money.currency) else {
      throw .invalid("amount.currency", "CURRENCY_UNKNOWN", "The currency is not known.")
    }
    guard money.amountMinor > 0 else {
      throw .invalid("amount.amount_minor", "AMOUNT_NOT_POSITIVE", "The amount must be positive.")
    }
    guard money.amountMinor <= amountMinorMax else {
      throw .invalid(
        "amount.amount_minor", "AMOUNT_TOO_LARGE",
        "The amount is above \(amountMinorMax) minor units.")
    }
    return Amount(currency, minor: money.amountMinor)
  }
}

extension OperationRecord {
  /// A new operation as it was asked for.
  init(
    _ request: GatewayV1.ExecuteOperationRequest, _ merchant: MerchantID, now: Timestamp
  ) throws(RPCFailure) {
    guard let id = OperationID(request.operationID) else {
      throw .invalid("operation_id", "ID_INVALID", "This is no operation id.")
    }
    guard let intent = PaymentIntentID(request.intentID) else {
      throw .invalid("intent_id", "ID_INVALID", "This is no payment intent id.")
    }
    guard let method = PaymentMethodID(request.paymentMethodID) else {
      throw .invalid("payment_method_id", "ID_INVALID", "This is no payment method id.")
    }
    self.init(
      merchant: merchant, intent: intent, paymentMethod: method, offSession: request.offSession,
      statementDescriptor: request.statementDescriptor,
      sendBefore: min(
        request.sendBefore.map(Timestamp.init(wire:)) ?? Timestamp(microseconds: 0),
        SendWindowLimits.latest(from: now, offSession: request.offSession)),
      keyProof: request.keyProof, createdAt: now,
      operation: Operation(
        id: id, amount: try GatewayCalls.amount(request.amount),
        captureMethod: request.captureMethod == .manual ? .manual : .automatic),
      attempts: [:], captureTries: [:], returnURL: request.returnURL.nonEmpty)
  }
}
