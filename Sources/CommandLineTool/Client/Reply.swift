import GRPCCore
import Money
import Wire

/// An answer, and whether it is the stored one of an earlier call with the same key.
struct Reply<Message: Sendable>: Sendable {
  let message: Message
  let isReplayed: Bool

  /// - Throws: `RPCError` where the service refused.
  init(_ response: ClientResponse<Message>) throws {
    message = try response.message
    isReplayed = response.metadata[stringValues: CallKeys.replayed].contains { $0 == "true" }
  }
}

/// The metadata of calls.
enum CallKeys {
  static let merchant = "tender-merchant"
  static let key = "idempotency-key"
  static let replayed = "idempotent-replayed"

  static func metadata(key: String? = nil, merchant: MerchantID? = nil) -> Metadata {
    var metadata: Metadata = [:]
    if let key { metadata.addString(key, forKey: Self.key) }
    if let merchant { metadata.addString(merchant.description, forKey: Self.merchant) }
    return metadata
  }

  /// A fresh key: a prefix and 32 hexadecimal digits.
  static func fresh(_ prefix: String) throws -> String {
    "\(prefix)-\(try Checkout.randomHex(bytes: 16))"
  }

  /// The key given, else a fresh one.
  /// - Throws: `Failure` for a key that no service takes.
  static func choose(_ given: String?, prefix: String) throws -> String {
    guard let given else { return try fresh(prefix) }
    do {
      return try IdempotencyKey(given).description
    } catch {
      throw Failure(
        "the key is not usable", next: "1 to 255 visible ASCII characters", status: .usage)
    }
  }
}

/// Words and numbers of wire values.
enum WireText {
  /// `PAYMENT_INTENT_STATUS_REQUIRES_CAPTURE` without its prefix: `requires_capture`.
  static func word(_ value: some WireEnum, _ prefix: String) -> String {
    guard let name = value.protoName else { return "unknown_\(value.rawValue)" }
    return String(name.dropFirst(prefix.count)).lowercased()
  }

  static func status(_ value: IntentsV1.PaymentIntentStatus) -> String {
    word(value, "PAYMENT_INTENT_STATUS_")
  }

  /// "49.99 EUR".
  static func money(_ value: CommonV1.Money?) -> String {
    guard let value else { return "" }
    guard let currency = Currency(value.currency) else {
      return "\(value.amountMinor) \(value.currency)"
    }
    return "\(Amount(currency, minor: value.amountMinor))"
  }

  /// Milliseconds since 1970.
  static func milliseconds(_ value: GoogleProtobuf.Timestamp?) -> Int64? {
    value.map { Timestamp($0).milliseconds }
  }
}

extension Reply {
  fileprivate init(message: Message, isReplayed: Bool) {
    self.message = message
    self.isReplayed = isReplayed
  }

  /// The same answer, of which a part matters.
  func map<Part: Sendable>(_ part: (Message) -> Part) -> Reply<Part> {
    Reply<Part>(message: part(message), isReplayed: isReplayed)
  }
}
