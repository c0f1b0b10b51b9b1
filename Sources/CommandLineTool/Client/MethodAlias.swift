import GRPCCore
import Wire

/// Payment methods by the names that `up` registers them under.
enum MethodAlias {
  /// The `tok_` id of a method given as its id or its alias.
  static func resolve(_ name: String, _ session: ServiceSession) async throws -> String {
    if name.hasPrefix("tok_") { return name }
    do {
      return try await find(name, session).id
    } catch let error as CallFailure where error.code == .notFound {
      throw Failure(
        "no payment method is called \(name)",
        next: "one of \(DemoMethod.all.map(\.alias).joined(separator: ", ")); "
          + "tender register-demo registers them",
        status: .usage)
    }
  }

  static func find(_ alias: String, _ session: ServiceSession) async throws
    -> VaultV1.PaymentMethod
  {
    let request = VaultV1.DescribePaymentMethodRequest(alias: alias)
    let method = try await session.call(.vault) { client in
      try await VaultV1.PaymentMethods.Client(wrapping: client).describePaymentMethod(request)
    }.paymentMethod
    guard let method else {
      throw Failure("vault-token described no method", next: "see tender doctor")
    }
    return method
  }
}
