import BillingCore
import GRPCCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// tender.billing.v1.Billing.
struct BillingCalls: BillingV1.Billing.SimpleServiceProtocol {
  let environment: ServiceEnvironment
  let subscribing: Subscribing
  let clock: ClockAdvance

  private var payment: InvoicePayment { subscribing.payment }

  func createSubscription(
    request: BillingV1.CreateSubscriptionRequest, context: ServerContext
  ) async throws -> BillingV1.CreateSubscriptionResponse {
    let call = try CallContext.require()
    let merchant = try call.requireMerchant()
    let draft = Subscribing.Draft(
      subscription: environment.identifiers.make(), invoice: environment.identifiers.make(),
      merchant: merchant, customer: try RequestFields.requiredID(request.customerID, "customer_id"),
      price: try RequestFields.requiredID(request.priceID, "price_id"),
      paymentMethod: try RequestFields.requiredID(request.paymentMethodID, "payment_method_id"),
      quantity: request.quantity == 0 ? 1 : Int64(request.quantity), key: call.key?.text ?? "")
    // Asked before the claim, because a transaction waits for nobody; it counts only for a new one:
    // a replay is answered as it was, whatever became of the payment method.
    let verified = await verify(draft)
    let subject = UUIDBits(draft.subscription.bits)
    let begun = try await environment.idempotency.begin(request, subject: subject) {
      [subscribing] transaction, claim in
      guard !claim.isTakeover else { return }
      try verified.get()
      try await subscribing.start(draft, in: transaction)
    }
    switch begun {
    case .replay(let stored):
      return try environment.idempotency.replay(stored)
    case .run(let claim):
      let limit = Duration.seconds(InvoicePayment.limitSeconds)
      return try await environment.shielded("first invoice", limit: limit) { [subscribing] in
        try await subscribing.finish(claim, of: merchant)
      }
    }
  }

  private func verify(_ draft: Subscribing.Draft) async -> Result<Void, any Error> {
    do {
      try await payment.port.verify(draft.customer, draft.paymentMethod, of: draft.merchant)
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  func cancelSubscription(
    request: BillingV1.CancelSubscriptionRequest, context: ServerContext
  ) async throws -> BillingV1.CancelSubscriptionResponse {
    let id = try RequestFields.requiredID(
      request.subscriptionID, "subscription_id", as: SubscriptionID.self)
    defer { payment.wake() }
    return try await environment.idempotency.perform(request) { [subscribing] transaction, call in
      let ended = try await subscribing.end(
        id, of: try call.requireMerchant(), by: .cancel, in: transaction)
      return BillingV1.CancelSubscriptionResponse(subscription: BillingV1.Subscription(ended))
    }
  }

  func advanceClock(
    request: BillingV1.AdvanceClockRequest, context: ServerContext
  ) async throws -> BillingV1.AdvanceClockResponse {
    let merchant = try CallContext.require().requireMerchant()
    guard let moment = request.to.map(Timestamp.init(wire:)) else {
      throw RPCFailure.invalid("to", "FIELD_REQUIRED", "This field is required.")
    }
    let subject = UUIDBits(environment.identifiers.make(EventID.self).bits)
    let begun = try await environment.idempotency.begin(request, subject: subject) {
      [clock] transaction, claim in
      guard !claim.isTakeover else { return }
      try await clock.start(merchant, to: moment, in: transaction)
    }
    switch begun {
    case .replay(let stored):
      return try environment.idempotency.replay(stored)
    case .run(let claim):
      let limit = Duration.seconds(InvoicePayment.limitSeconds)
      return try await environment.shielded("clock", limit: limit) { [clock] in
        try await clock.finish(claim, of: merchant)
      }
    }
  }
}
