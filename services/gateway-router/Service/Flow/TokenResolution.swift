import GRPCCore
import GatewayCore
import Money
import ServiceKit
import Wire

/// A payment method's references in the clear, for one operation; never stored, never logged.
struct ResolvedMethod: Sendable {
  var kind: MethodType
  var brand: String
  var country: String
  fileprivate var references: [GatewayName: (reference: String, customer: String)]

  func has(_ gateway: GatewayName) -> Bool { references[gateway] != nil }
  func reference(at gateway: GatewayName) -> String { references[gateway]?.reference ?? "" }
  func customer(at gateway: GatewayName) -> String { references[gateway]?.customer ?? "" }
}

extension GatewayFlow {
  /// Asks vault-token. Before the attempt is written: which gateways hold the token decides the
  /// route, and whether capture must be separate.
  /// - Returns: nil if there is no such payment method.
  func resolve(_ record: OperationRecord) async throws -> ResolvedMethod? {
    try await resolve(record.paymentMethod, of: record.merchant, for: record.id.description)
  }

  /// - Parameter purpose: the id of the operation or setup intent, for the vault's audit.
  func resolve(
    _ method: PaymentMethodID, of merchant: MerchantID, for purpose: String
  ) async throws -> ResolvedMethod? {
    let client = VaultV1.PaymentMethods.Client(wrapping: try environment.peers.client(.vaultToken))
    let response: VaultV1.ResolvePaymentMethodResponse
    do {
      response = try await client.resolvePaymentMethod(
        VaultV1.ResolvePaymentMethodRequest(
          paymentMethodID: method.description, operationID: purpose),
        metadata: OutgoingCall.metadata(merchant: merchant))
    } catch let error as RPCError where error.code == .notFound {
      return nil
    }
    var references: [GatewayName: (reference: String, customer: String)] = [:]
    for reference in response.references {
      guard let gateway = GatewayName(rawValue: reference.gateway) else { continue }
      references[gateway] = (reference.reference, reference.customerReference)
    }
    return ResolvedMethod(
      kind: response.`type` == .sepaDebit ? .sepaDebit : .card,
      brand: response.card?.brand ?? "", country: response.card?.country ?? "",
      references: references)
  }
}
