import GRPCCore
import Money
import ServiceKit
import TestSupport
import Wire

@testable import IntentsService

/// What gateway-router says to intents after a restore, and the callers' calls.
extension Payments {
  private static let router = "spiffe://tender/service/gateway-router"

  func setGate(closed: Bool) async throws {
    try await harness.withClient(as: Self.router) { client in
      _ = try await IntentsV1.PaymentRestores.Client(wrapping: client).setRestoreGate(
        IntentsV1.SetRestoreGateRequest(closed: closed),
        metadata: OutgoingCall.metadata(key: "gate/\(closed)"))
    }
  }

  @discardableResult
  func restore(
    _ order: IntentsV1.RestorePaymentRequest, of merchant: MerchantID = IntentsHarness.merchant
  ) async throws -> IntentsV1.RestoreResult {
    try await harness.withClient(as: Self.router) { client in
      try await IntentsV1.PaymentRestores.Client(wrapping: client).restorePayment(
        order,
        metadata: OutgoingCall.metadata(merchant: merchant, key: "restore/\(order.operationID)")
      ).result
    }
  }

  /// As billing asks: one key for one period, whatever its invoice's id is.
  func bill(_ invoice: String) async throws -> IntentsV1.PaymentIntent {
    try await harness.withClient(as: "spiffe://tender/service/billing") { client in
      let answer = try await IntentsV1.PaymentIntents.Client(wrapping: client).createPaymentIntent(
        IntentsV1.CreatePaymentIntentRequest(
          amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
          paymentMethodID: IntentsHarness.method.description, confirm: true, offSession: true,
          origin: CommonV1.Origin(type: "invoice", id: invoice)),
        metadata: OutgoingCall.metadata(merchant: IntentsHarness.merchant, key: "sub1p1try1"))
      guard let intent = answer.paymentIntent else { throw TestSetupError("empty") }
      return intent
    }
  }

  func cancel(_ id: String, key: String) async throws -> IntentsV1.PaymentIntent {
    let answer = try await IntentsV1.PaymentIntents.Client(wrapping: client).cancelPaymentIntent(
      IntentsV1.CancelPaymentIntentRequest(paymentIntentID: id),
      metadata: OutgoingCall.metadata(key: key))
    guard let intent = answer.paymentIntent else { throw TestSetupError("empty") }
    return intent
  }

  func create(key: String) async throws -> IntentsV1.PaymentIntent {
    let answer = try await IntentsV1.PaymentIntents.Client(wrapping: client).createPaymentIntent(
      IntentsV1.CreatePaymentIntentRequest(
        amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
        paymentMethodID: IntentsHarness.method.description),
      metadata: OutgoingCall.metadata(key: key))
    guard let intent = answer.paymentIntent else { throw TestSetupError("empty") }
    return intent
  }
}
