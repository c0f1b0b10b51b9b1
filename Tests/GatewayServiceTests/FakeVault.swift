import GRPCCore
import Synchronization
import TestSupport
import Wire

/// Stands for vault-token: one method, with the references that a test gives it.
final class FakeVault: VaultV1.PaymentMethods.SimpleServiceProtocol {
  struct Method: Sendable {
    var exists = true
    var type = VaultV1.PaymentMethodType.card
    var stripe: String? = "pm_card_visa"
    var adyen: String? = "stored_visa"
    /// Empty: the vault knows nothing of the card.
    var brand = ""
    /// It takes the call and answers nothing.
    var hangs = false
  }

  let method = Mutex(Method())
  /// What happens while a call waits for the vault, once.
  let beforeAnswer = Mutex<(@Sendable () async throws -> Void)?>(nil)

  func resolvePaymentMethod(
    request: VaultV1.ResolvePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.ResolvePaymentMethodResponse {
    let happens = beforeAnswer.withLock { body in
      defer { body = nil }
      return body
    }
    try await happens?()
    let method = method.withLock { $0 }
    // Ends when the caller gives up.
    if method.hangs { try await Task.sleep(for: .seconds(60)) }
    guard method.exists else { throw RPCError(code: .notFound, message: "no such method") }
    let references = [("stripe", method.stripe), ("adyen", method.adyen)].compactMap { pair in
      pair.1.map {
        VaultV1.GatewayReference(gateway: pair.0, reference: $0, customerReference: "cus_1")
      }
    }
    return VaultV1.ResolvePaymentMethodResponse(
      type: method.type, references: references,
      card: method.brand.isEmpty ? nil : VaultV1.CardSummary(brand: method.brand))
  }

  func createPaymentMethod(
    request: VaultV1.CreatePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.CreatePaymentMethodResponse { throw Self.unused }

  func describePaymentMethod(
    request: VaultV1.DescribePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.DescribePaymentMethodResponse { throw Self.unused }

  func listPaymentMethods(
    request: VaultV1.ListPaymentMethodsRequest, context: ServerContext
  ) async throws -> VaultV1.ListPaymentMethodsResponse { throw Self.unused }

  func deletePaymentMethod(
    request: VaultV1.DeletePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.DeletePaymentMethodResponse { throw Self.unused }

  private static var unused: RPCError {
    RPCError(code: .unimplemented, message: "not in these tests")
  }
}
