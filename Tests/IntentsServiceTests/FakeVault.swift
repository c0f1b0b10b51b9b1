import GRPCCore
import Synchronization
import Wire

/// Stands for vault-token: says what a payment method is.
final class FakeVault: VaultV1.PaymentMethods.SimpleServiceProtocol {
  struct State: Sendable {
    var type = VaultV1.PaymentMethodType.card
    var isAway = false
    var asked = 0
  }

  let state = Mutex(State())

  var asked: Int { state.withLock { $0.asked } }

  func describePaymentMethod(
    request: VaultV1.DescribePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.DescribePaymentMethodResponse {
    try state.withLock { state in
      state.asked += 1
      if state.isAway { throw RPCError(code: .unavailable, message: "away") }
      return VaultV1.DescribePaymentMethodResponse(
        paymentMethod: VaultV1.PaymentMethod(id: request.paymentMethodID, type: state.type))
    }
  }

  func resolvePaymentMethod(
    request: VaultV1.ResolvePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.ResolvePaymentMethodResponse { throw Self.unused }

  func createPaymentMethod(
    request: VaultV1.CreatePaymentMethodRequest, context: ServerContext
  ) async throws -> VaultV1.CreatePaymentMethodResponse { throw Self.unused }

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
