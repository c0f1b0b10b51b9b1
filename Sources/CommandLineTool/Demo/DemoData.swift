import GRPCCore
import Money
import Wire

/// What a deployment starts with: the demo merchant's payment methods.
enum DemoData {
  /// Raised when a method's references change.
  static let version = 1
  static let expiryYear: UInt32 = 2034

  /// Registers what is missing; what is there stays.
  /// - Returns: the aliases that were registered now.
  static func register(_ session: ServiceSession) async throws -> [String] {
    var made: [String] = []
    for method in DemoMethod.all where try await !exists(method, session) {
      _ = try await register(method, session)
      made.append(method.alias)
    }
    return made
  }

  /// Registers one method.
  /// - Parameter merchant: nil: the demo merchant, as its own client.
  /// - Returns: its `tok_` id.
  static func register(
    _ method: DemoMethod, _ session: ServiceSession, merchant: MerchantID? = nil
  ) async throws -> String {
    try await register(
      [
        VaultV1.GatewayReference(gateway: "stripe", reference: method.stripe),
        VaultV1.GatewayReference(gateway: "adyen", reference: method.adyen),
      ], alias: method.alias, last4: method.last4, session, merchant: merchant)
  }

  /// The same for a card that the gateways hold under these references.
  static func register(
    _ references: [VaultV1.GatewayReference], alias: String, last4: String,
    _ session: ServiceSession, merchant: MerchantID? = nil
  ) async throws -> String {
    let request = VaultV1.CreatePaymentMethodRequest(
      type: .card, references: references,
      card: VaultV1.CardSummary(
        brand: "visa", last4: last4, expiryMonth: 12, expiryYear: expiryYear),
      alias: alias)
    let metadata = CallKeys.metadata(key: "demo-method-\(alias)-v\(version)", merchant: merchant)
    let made = try await session.call(.vault, as: merchant == nil ? .demoMerchant : .operator) {
      client in
      try await VaultV1.PaymentMethods.Client(wrapping: client)
        .createPaymentMethod(request, metadata: metadata)
    }
    return made.paymentMethod?.id ?? ""
  }

  private static func exists(_ method: DemoMethod, _ session: ServiceSession) async throws -> Bool {
    do {
      _ = try await MethodAlias.find(method.alias, session)
      return true
    } catch let error as CallFailure where error.code == .notFound {
      return false
    }
  }
}
