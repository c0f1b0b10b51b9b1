/// What the contract says about calling one method. A method without rules cannot be called.
package struct MethodRules: Sendable, Hashable {
  /// `tender.intents.v1.PaymentIntents/Create`: the path without its first slash.
  package let method: String
  package let access: Set<Caller>
  package let mutation: Mutation
  package let merchant: MerchantScope
  /// Top-level fields of the request in a keyed call's fingerprint; empty means all.
  package let fingerprint: [String]
  package let fingerprintVersion: UInt32
  package let requestBytesMax: Int
  package let responseBytesMax: Int
  /// Longest deadline that is honoured; nil means the service's default.
  package let timeoutMillisecondsMax: Int?

  /// Rules by method. What is not in it is denied.
  package static let table: [String: MethodRules] = Dictionary(
    uniqueKeysWithValues: all.map { ($0.method, $0) })

  /// Whether an identity may call.
  package func allows(_ caller: Caller) -> Bool {
    access.contains(caller) || access.contains(.anyone)
  }

  package var requiresKey: Bool { mutation != .reads }
}

// MARK: - Words of the rules

extension MethodRules {
  /// Who may call a method: the kind and name of the identity in the caller's certificate.
  package enum Caller: String, Sendable, Hashable, CaseIterable {
    case merchant
    case `operator`
    case auditor
    case intents
    case gatewayRouter = "gateway-router"
    case ledger
    case vaultToken = "vault-token"
    case webhooks
    case billing
    /// Any authenticated identity.
    case anyone

    /// By the name in a service's certificate; nil for what is no service of the platform.
    package init?(serviceName: String) {
      switch Caller(rawValue: serviceName) {
      case .merchant, .operator, .auditor, .anyone, nil: return nil
      case let caller?: self = caller
      }
    }
  }

  /// What a method changes, and so what it asks of the idempotency key.
  package enum Mutation: Sendable, Hashable {
    /// Nothing; it takes no key.
    case reads
    /// The key is required; the answer is stored and repeated.
    case keyed
    /// The key is required; the ids inside the request make a repetition harmless.
    case natural
  }

  /// Where the merchant of a call comes from.
  package enum MerchantScope: Sendable, Hashable {
    /// From the caller's certificate, or from metadata of services and operators.
    case required
    /// The method concerns the whole platform.
    case none
  }
}
