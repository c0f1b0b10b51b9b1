import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.intents.v1.Refunds.
struct RefundCalls: IntentsV1.Refunds.SimpleServiceProtocol {
  let environment: ServiceEnvironment
  let flow: RefundFlow
  let proof: KeyProof

  func createRefund(
    request: IntentsV1.CreateRefundRequest, context: ServerContext
  ) async throws -> IntentsV1.CreateRefundResponse {
    let merchant = try CallContext.require().requireMerchant()
    let order = try order(request)
    let begun: Idempotency.Begun
    do {
      begun = try await begin(request, order, of: merchant, kind: nil)
    } catch let needed as RefundFlow.KindNeeded {
      let kind = try await flow.kind(of: needed.paymentMethod, merchant)
      begun = try await begin(request, order, of: merchant, kind: kind)
    }
    switch begun {
    case .replay(let stored):
      return try environment.idempotency.replay(stored)
    case .run(let claim):
      // T1 is done: the rest belongs to the process, the call merely waits for it.
      let limit = Duration.seconds(IntentFlow.limitSeconds)
      return try await environment.shielded("refund", limit: limit) { [flow] in
        try await flow.finish(claim, RefundID(bits: claim.subject.bits), of: merchant)
      }
    }
  }

  private func begin(
    _ request: IntentsV1.CreateRefundRequest, _ order: RefundFlow.Order, of merchant: MerchantID,
    kind: MethodType?
  ) async throws -> Idempotency.Begun {
    try await RestoredPayments.begin(
      request, environment.idempotency, subject: UUIDBits(order.id.bits), order.intent, of: merchant
    ) { [flow] transaction in
      try await flow.begin(order, of: merchant, kind: kind, in: transaction)
    }
  }

  private func order(
    _ request: IntentsV1.CreateRefundRequest
  ) throws(RPCFailure) -> RefundFlow.Order {
    let intent = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let amount = try request.amount.map { money throws(RPCFailure) in
      try RequestFields.amount(money, field: "amount")
    }
    let reason = try RequestFields.refundReason(request.reason)
    try RequestFields.metadata(request.metadata)
    return RefundFlow.Order(
      id: environment.identifiers.make(), intent: intent, amount: amount, reason: reason,
      metadata: request.metadata, acceptsReturnRisk: request.acceptReturnRisk)
  }

  func getRefund(
    request: IntentsV1.GetRefundRequest, context: ServerContext
  ) async throws -> IntentsV1.GetRefundResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(request.refundID, "refund_id", as: RefundID.self)
    return IntentsV1.GetRefundResponse(
      refund: IntentsV1.Refund(try await flow.get(id, of: merchant)))
  }

  func listRefunds(
    request: IntentsV1.ListRefundsRequest, context: ServerContext
  ) async throws -> IntentsV1.ListRefundsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let intent = try RequestFields.id(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let size = request.pageSize == 0 ? 20 : Int64(request.pageSize)
    let token = PageToken(
      merchant: merchant, filter: "refunds of \(intent?.description ?? "all")", proof: proof)
    let before = try token.position(of: request.pageToken, as: RefundID.self)
    if let intent {
      let found = try await environment.database.query(
        RefundStatements.intentExists(intent, of: merchant))
      guard found.count == 1 else { throw IntentRefusal.notFound(intent) }
    }
    let rows = try await environment.database.query(
      RefundStatements.page(of: merchant, intent: intent, before: before, limit: size + 1))
    let refunds = try rows.map(RefundRow.init(row:))
    let page = refunds.prefix(Int(size))
    var response = IntentsV1.ListRefundsResponse(refunds: page.map(IntentsV1.Refund.init(_:)))
    if refunds.count > page.count, let last = page.last {
      response.nextPageToken = token.text(after: last.id)
    }
    return response
  }
}
