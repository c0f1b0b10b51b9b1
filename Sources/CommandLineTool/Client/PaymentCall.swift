import GRPCCore
import Money
import Transport
import Wire

/// Calls that move money.
enum PaymentCall {
  typealias Client = IntentsV1.PaymentIntents.Client<HTTP2ClientTransport>

  static func create(
    _ request: IntentsV1.CreatePaymentIntentRequest, key: String,
    within limit: Duration = ServiceSession.callLimit, _ session: ServiceSession,
    merchant: MerchantID? = nil
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    try await call(key, limit, session, merchant) { client, metadata in
      try await client.createPaymentIntent(request, metadata: metadata) { response in
        try Reply(response).map { $0.paymentIntent ?? IntentsV1.PaymentIntent() }
      }
    }
  }

  static func confirm(
    _ intent: String, key: String, within limit: Duration = ServiceSession.callLimit,
    _ session: ServiceSession, merchant: MerchantID? = nil
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    let request = IntentsV1.ConfirmPaymentIntentRequest(paymentIntentID: intent)
    return try await call(key, limit, session, merchant) { client, metadata in
      try await client.confirmPaymentIntent(request, metadata: metadata) { response in
        try Reply(response).map { $0.paymentIntent ?? IntentsV1.PaymentIntent() }
      }
    }
  }

  static func completeAction(
    _ request: IntentsV1.CompletePaymentActionRequest, key: String,
    within limit: Duration = ServiceSession.callLimit, _ session: ServiceSession
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    try await call(key, limit, session, nil) { client, metadata in
      try await client.completePaymentAction(request, metadata: metadata) { response in
        try Reply(response).map { $0.paymentIntent ?? IntentsV1.PaymentIntent() }
      }
    }
  }

  /// As the demo merchant's client.
  static func get(_ intent: String, _ session: ServiceSession) async throws
    -> IntentsV1.PaymentIntent
  {
    let request = IntentsV1.GetPaymentIntentRequest(paymentIntentID: intent)
    let found = try await session.call(.intents) { client in
      try await Client(wrapping: client).getPaymentIntent(request)
    }.paymentIntent
    guard let found else {
      throw Failure("intents answered without the payment", next: "see tender doctor")
    }
    return found
  }

  static func capture(
    _ intent: String, _ amount: CommonV1.Money?, key: String,
    within limit: Duration = ServiceSession.callLimit, _ session: ServiceSession,
    merchant: MerchantID? = nil
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    let request = IntentsV1.CapturePaymentIntentRequest(paymentIntentID: intent, amount: amount)
    return try await call(key, limit, session, merchant) { client, metadata in
      try await client.capturePaymentIntent(request, metadata: metadata) { response in
        try Reply(response).map { $0.paymentIntent ?? IntentsV1.PaymentIntent() }
      }
    }
  }

  static func cancel(
    _ intent: String, key: String, within limit: Duration = ServiceSession.callLimit,
    _ session: ServiceSession, merchant: MerchantID? = nil
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    let request = IntentsV1.CancelPaymentIntentRequest(paymentIntentID: intent)
    return try await call(key, limit, session, merchant) { client, metadata in
      try await client.cancelPaymentIntent(request, metadata: metadata) { response in
        try Reply(response).map { $0.paymentIntent ?? IntentsV1.PaymentIntent() }
      }
    }
  }

  /// As the demo merchant's client, or as an operator on behalf of `merchant`.
  private static func call(
    _ key: String, _ limit: Duration, _ session: ServiceSession, _ merchant: MerchantID?,
    _ body: @Sendable (Client, Metadata) async throws -> Reply<IntentsV1.PaymentIntent>
  ) async throws -> Reply<IntentsV1.PaymentIntent> {
    let metadata = CallKeys.metadata(key: key, merchant: merchant)
    return try await session.call(
      .intents, as: merchant == nil ? .demoMerchant : .operator, within: limit
    ) { client in
      try await body(Client(wrapping: client), metadata)
    }
  }
}
