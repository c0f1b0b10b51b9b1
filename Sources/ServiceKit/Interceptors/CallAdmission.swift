package import GRPCCore
import Money
package import Transport
package import Wire

/// The decision of `AccessInterceptor`, as a pure function of the rules, the peer and the metadata.
package enum CallAdmission {
  package static func admit(
    method: String, peer: PeerIdentity?, metadata: Metadata
  ) throws(RPCFailure) -> CallContext {
    guard let rules = MethodRules.table[method] else {
      throw RPCFailure(
        .permissionDenied, "METHOD_UNKNOWN", "This method is not served here.")
    }
    guard let peer, allows(rules, peer) else {
      throw RPCFailure(
        .permissionDenied, "CALLER_NOT_ALLOWED",
        "The certificate of this connection does not allow this method.")
    }
    try refuseCardData(in: metadata)
    let merchant = try merchant(rules, peer, metadata)
    let key = try idempotencyKey(rules, metadata)
    let trace =
      metadata[stringValues: CallMetadata.traceparent].first(where: { _ in true })
      .flatMap(TraceContext.init(traceparent:)) ?? .random()
    return CallContext(method: method, peer: peer, merchant: merchant, trace: trace, key: key)
  }

  package static func allows(_ rules: MethodRules, _ peer: PeerIdentity) -> Bool {
    if rules.allows(.anyone) { return true }
    switch peer {
    case .merchant: return rules.allows(.merchant)
    case .operator: return rules.allows(.operator)
    case .auditor: return rules.allows(.auditor)
    case .service(let name):
      guard let caller = MethodRules.Caller(serviceName: name) else { return false }
      return rules.allows(caller)
    }
  }

  /// A merchant's certificate names its merchant; only services, operators and auditors may say
  /// for whom they act, and only on methods that act for a merchant.
  private static func merchant(
    _ rules: MethodRules, _ peer: PeerIdentity, _ metadata: Metadata
  ) throws(RPCFailure) -> MerchantID? {
    let named = Array(metadata[stringValues: CallMetadata.merchant])
    if case .merchant(let id, _) = peer {
      guard let own = MerchantID(id), named.allSatisfy({ $0 == id }) else {
        throw RPCFailure(
          .permissionDenied, "CALLER_NOT_ALLOWED",
          "The certificate of this connection does not allow this merchant.")
      }
      return own
    }
    guard rules.merchant == .required else { return nil }
    guard let text = named.first, named.count == 1 else {
      throw RPCFailure(
        .invalidArgument, "MERCHANT_REQUIRED",
        "Name the merchant once, in the metadata `tender-merchant`.")
    }
    guard let merchant = MerchantID(text) else {
      throw RPCFailure(
        .invalidArgument, "MERCHANT_INVALID",
        "The metadata `tender-merchant` is no merchant id (mt_… or ml_…).")
    }
    return merchant
  }

  private static func idempotencyKey(
    _ rules: MethodRules, _ metadata: Metadata
  ) throws(RPCFailure) -> IdempotencyKey? {
    let given = Array(metadata[stringValues: CallMetadata.idempotencyKey])
    guard rules.mutation != .reads else { return nil }
    guard let text = given.first else {
      throw RPCFailure(
        .invalidArgument, "IDEMPOTENCY_KEY_REQUIRED",
        "Send exactly one `idempotency-key` in the metadata, 1 to 255 visible ASCII characters.")
    }
    guard given.count == 1, let key = try? IdempotencyKey(text) else {
      throw RPCFailure(
        .invalidArgument, "IDEMPOTENCY_KEY_INVALID",
        "The `idempotency-key` must be one value of 1 to 255 visible ASCII characters.")
    }
    return key
  }

  /// No card number in any metadata key or value, binary values included.
  private static func refuseCardData(in metadata: Metadata) throws(RPCFailure) {
    for (key, value) in metadata {
      let hit =
        switch value {
        case .string(let text): CardNumberDetector.containsCardData(key: key, value: text)
        case .binary(let bytes): CardNumberDetector.contains(utf8: bytes.span)
        }
      if hit {
        throw RPCFailure(
          .invalidArgument, "SENSITIVE_DATA_REJECTED",
          "The metadata holds what looks like a card number. Tender takes tokens only.")
      }
    }
  }
}
