import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.SetupIntents.
struct SetupCalls: GatewayV1.SetupIntents.SimpleServiceProtocol {
  /// Of payments to come, where the caller names none.
  static let currencyDefault = Currency.eur

  let environment: ServiceEnvironment
  let flow: SetupFlow

  func createSetupIntent(
    request: GatewayV1.CreateSetupIntentRequest, context: ServerContext
  ) async throws -> GatewayV1.CreateSetupIntentResponse {
    let merchant = try CallContext.require().requireMerchant()
    let order = try order(request)
    try await flow.flow.ports.routing.restore.requireOpen()
    let begun = try await environment.idempotency.begin(request, subject: UUIDBits(order.id.bits)) {
      [flow] transaction, claim in
      guard !claim.isTakeover else { return }
      try await flow.begin(order, of: merchant, in: transaction)
    }
    switch begun {
    case .replay(let stored):
      return try environment.idempotency.replay(stored)
    case .run(let claim):
      // The row is written: the rest belongs to the process, the call merely waits for it.
      return try await environment.shielded(
        "setup", limit: .seconds(SetupFlow.limitSeconds)
      ) { [flow] in
        try await flow.finish(claim, SetupIntentID(bits: claim.subject.bits), of: merchant)
      }
    }
  }

  func getSetupIntent(
    request: GatewayV1.GetSetupIntentRequest, context: ServerContext
  ) async throws -> GatewayV1.GetSetupIntentResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.setupIntentID, "setup_intent_id", as: SetupIntentID.self)
    return GatewayV1.GetSetupIntentResponse(
      setupIntent: GatewayV1.SetupIntent(try await flow.get(id, of: merchant)))
  }

  func resolveSetupConflict(
    request: GatewayV1.ResolveSetupConflictRequest, context: ServerContext
  ) async throws -> GatewayV1.ResolveSetupConflictResponse {
    let id = try RequestFields.requiredID(
      request.setupIntentID, "setup_intent_id", as: SetupIntentID.self)
    let words = request.words
    return try await environment.idempotency.perform(request) { [flow] transaction, _ in
      let review = try await flow.review(id, words, in: transaction)
      return GatewayV1.ResolveSetupConflictResponse(resolved: review.isOver, people: review.people)
    }
  }

  private func order(
    _ request: GatewayV1.CreateSetupIntentRequest
  ) throws(RPCFailure) -> SetupStatements.Order {
    let method = try RequestFields.requiredID(
      request.paymentMethodID, "payment_method_id", as: PaymentMethodID.self)
    var currency = Self.currencyDefault
    if !request.currency.isEmpty {
      guard let known = Currency(request.currency) else {
        throw .invalid(
          "currency", "CURRENCY_UNKNOWN", "The currency is no ISO 4217 code Tender knows.")
      }
      currency = known
    }
    var wanted: GatewayName?
    if !request.gateway.isEmpty {
      guard let known = GatewayName(rawValue: request.gateway) else {
        throw .invalid("gateway", "GATEWAY_UNKNOWN", "The gateways are `stripe` and `adyen`.")
      }
      wanted = known
    }
    return SetupStatements.Order(
      id: environment.identifiers.make(), paymentMethod: method, currency: currency,
      wanted: wanted)
  }
}

extension GatewayV1.SetupIntent {
  init(_ record: SetupRecord) {
    self.init(
      id: record.setup.id.description, merchantID: record.merchant.description,
      livemode: record.merchant.isLive, paymentMethodID: record.paymentMethod.description,
      currency: record.currency.code, status: .init(rawValue: Int32(record.setup.state.rawValue)),
      failure: record.setup.failure.map {
        GatewayV1.SetupIntentFailure(code: $0.code, gatewayCode: $0.gatewayCode)
      },
      gateway: record.account?.gateway.rawValue ?? "",
      gatewayAccount: record.account?.account ?? "",
      gatewayReference: record.setup.reference ?? "", nextCheckAt: record.nextTryAt?.wire,
      version: UInt64(max(0, record.version)), createdAt: record.createdAt.wire,
      updatedAt: record.updatedAt.wire)
  }
}
