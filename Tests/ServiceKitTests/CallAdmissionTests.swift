import GRPCCore
import Money
import ServiceKit
import Testing
import Transport
import Wire

/// Nobody calls what their certificate does not allow: every identity against every method, from
/// the same descriptors that the services use.
struct CallAdmissionTests {
  static let merchant = MerchantID.generate(milliseconds: 1_700_000_000_000)

  static let peers: [(name: String, caller: MethodRules.Caller, peer: PeerIdentity)] = [
    ("merchant", .merchant, .merchant(id: merchant.description, client: "test")),
    ("operator", .operator, .operator("test")),
    ("auditor", .auditor, .auditor("test")),
    ("intents", .intents, .service("intents")),
    ("gateway-router", .gatewayRouter, .service("gateway-router")),
    ("ledger", .ledger, .service("ledger")),
    ("vault-token", .vaultToken, .service("vault-token")),
    ("webhooks", .webhooks, .service("webhooks")),
    ("billing", .billing, .service("billing")),
  ]

  static func metadata(key: String? = "k", merchant: MerchantID? = merchant) -> Metadata {
    var metadata: Metadata = [:]
    if let key { metadata.addString(key, forKey: CallMetadata.idempotencyKey) }
    if let merchant { metadata.addString(merchant.description, forKey: CallMetadata.merchant) }
    return metadata
  }

  static func reason(_ method: String, _ peer: PeerIdentity?, _ metadata: Metadata) -> String {
    do throws(RPCFailure) {
      _ = try CallAdmission.admit(method: method, peer: peer, metadata: metadata)
      return "admitted"
    } catch {
      return error.reason
    }
  }

  @Test func everyIdentityAgainstEveryMethod() {
    #expect(MethodRules.table.count > 40)
    for (method, rules) in MethodRules.table {
      for (name, caller, peer) in Self.peers {
        let allowed = rules.access.contains(caller) || rules.access.contains(.anyone)
        let answer = Self.reason(method, peer, Self.metadata())
        #expect(answer == (allowed ? "admitted" : "CALLER_NOT_ALLOWED"), "\(name) → \(method)")
      }
      #expect(Self.reason(method, nil, Self.metadata()) == "CALLER_NOT_ALLOWED")
      #expect(Self.reason(method, .service("unknown"), Self.metadata()) == "CALLER_NOT_ALLOWED"
        || rules.access.contains(.anyone))
    }
  }

  /// A method that may take more than its transport does would refuse what its contract promises.
  @Test func noMethodTakesMoreThanTheTransport() {
    let most = TransportLimits().messageBytesMax
    for (method, rules) in MethodRules.table {
      #expect(rules.requestBytesMax <= most && rules.responseBytesMax <= most, "\(method)")
    }
  }

  static let create = "tender.intents.v1.PaymentIntents/CreatePaymentIntent"
  static let list = "tender.intents.v1.PaymentIntents/ListPaymentIntents"

  @Test(arguments: [
    ("no key", create, nil, merchant, "IDEMPOTENCY_KEY_REQUIRED"),
    ("empty key", create, "", merchant, "IDEMPOTENCY_KEY_INVALID"),
    ("a space", create, "a b", merchant, "IDEMPOTENCY_KEY_INVALID"),
    ("256 characters", create, String(repeating: "a", count: 256), merchant,
      "IDEMPOTENCY_KEY_INVALID"),
    ("255 characters", create, String(repeating: "a", count: 255), merchant, "admitted"),
    ("a card number", create, "4242424242424242", merchant, "SENSITIVE_DATA_REJECTED"),
    ("reads need no key", list, nil, merchant, "admitted"),
  ] as [(String, String, String?, MerchantID, String)])
  func keys(_ name: String, _ method: String, _ key: String?, _ merchant: MerchantID, _ expected: String) {
    let metadata = Self.metadata(key: key, merchant: merchant)
    #expect(Self.reason(method, .operator("test"), metadata) == expected, "\(name)")
  }

  @Test func twoKeysAreRefused() {
    var metadata = Self.metadata()
    metadata.addString("other", forKey: CallMetadata.idempotencyKey)
    #expect(Self.reason(Self.create, .operator("test"), metadata) == "IDEMPOTENCY_KEY_INVALID")
  }

  @Test func theMerchantComesFromTheCertificate() throws {
    let own = PeerIdentity.merchant(id: Self.merchant.description, client: "test")
    let admitted = try CallAdmission.admit(
      method: Self.create, peer: own, metadata: Self.metadata(merchant: nil))
    #expect(admitted.merchant == Self.merchant)
    let other = MerchantID.generate(milliseconds: 1_600_000_000_000)
    #expect(
      Self.reason(Self.create, own, Self.metadata(merchant: other)) == "CALLER_NOT_ALLOWED")
    #expect(
      Self.reason(Self.create, .service("billing"), Self.metadata(merchant: nil))
        == "MERCHANT_REQUIRED")
  }

  @Test func anUnknownMethodIsDenied() {
    #expect(Self.reason("tender.x/Y", .operator("test"), Self.metadata()) == "METHOD_UNKNOWN")
  }
}
