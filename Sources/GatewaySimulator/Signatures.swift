import Seal

/// Compares a presented key without telling by time how much of it was right.
func matches(_ key: SecretBytes, _ presented: [UInt8]) -> Bool {
  ConstantTime.equals(key, SecretBytes(presented))
}

/// How the gateways sign what they send.
enum Signatures {
  /// The value of `Stripe-Signature`: HMAC-SHA256 over `t.body`; the key is the whole secret text.
  static func stripe(_ body: [UInt8], seconds: Int64, secret: SecretBytes) -> String {
    let code = HMACSHA256.code(Array("\(seconds).".utf8) + body, key: secret)
    return "t=\(seconds),v1=" + Hex.encode(code)
  }

  /// `additionalData.hmacSignature` of one notification item; `key` is the decoded hex key.
  static func adyen(_ item: NotificationItem, key: SecretBytes) -> String {
    let text = [
      item.pspReference, item.originalReference, item.merchantAccount, item.merchantReference,
      String(item.amount), item.currency, item.eventCode, item.succeeds ? "true" : "false",
    ].joined(separator: ":")
    return Base64.encode(HMACSHA256.code(Array(text.utf8), key: key))
  }
}

/// One Adyen notification.
struct NotificationItem: Sendable {
  let pspReference: String
  /// Empty for an authorisation.
  var originalReference = ""
  let merchantAccount: String
  let merchantReference: String
  let amount: Int64
  let currency: String
  let eventCode: String
  let succeeds: Bool
  var reason = ""
  var paymentMethod = ""
  var action: String?
  /// More of `additionalData`, which no signature covers.
  var additional: [(String, String)] = []
  let atMilliseconds: Int64

  /// The whole message: `live`, one item, its signature if there is a key.
  func message(key: SecretBytes?) -> [UInt8] {
    JSONWriter.document { out in
      out.text("live", "false")
      out.array("notificationItems") { items in
        items.object(nil) { $0.object("NotificationRequestItem") { write(to: &$0, key: key) } }
      }
    }
  }

  private func write(to out: inout JSONWriter, key: SecretBytes?) {
    out.object("additionalData") { data in
      if let key { data.text("hmacSignature", Signatures.adyen(self, key: key)) }
      if let action { data.text("modification.action", action) }
      for (name, value) in additional { data.text(name, value) }
    }
    out.object("amount") { writer in
      writer.text("currency", currency)
      writer.number("value", amount)
    }
    out.text("eventCode", eventCode)
    out.text("eventDate", isoTime(milliseconds: atMilliseconds))
    out.text("merchantAccountCode", merchantAccount)
    out.text("merchantReference", merchantReference)
    if !originalReference.isEmpty { out.text("originalReference", originalReference) }
    out.text("paymentMethod", paymentMethod)
    out.text("pspReference", pspReference)
    out.text("reason", reason)
    out.text("success", succeeds ? "true" : "false")
  }
}
