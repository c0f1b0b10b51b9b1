package import Seal

/// A secret of an endpoint: 32 random bytes, shown as `whsec_` and their base 64.
package struct EndpointSecret: Sendable {
  /// Bytes of a secret that we make; the standard allows 24 to 64.
  package static let size = 32
  package static let sizes = 24...64
  package static let prefix = "whsec_"

  package let key: SecretBytes

  package init(key: SecretBytes) { self.key = key }

  package static func make() throws(SealError) -> EndpointSecret {
    EndpointSecret(key: try SecretBytes.random(count: size))
  }

  /// From its text; nil unless it is `whsec_` and the base 64 of 24 to 64 bytes.
  package init?(text: String) {
    guard text.hasPrefix(Self.prefix),
      let bytes = Base64.decode(String(text.dropFirst(Self.prefix.count))),
      Self.sizes.contains(bytes.count)
    else { return nil }
    key = SecretBytes(bytes)
  }

  /// What the merchant is shown, once.
  package var text: String { Self.prefix + Base64.encode(key.copyBytes()) }
}

/// Signatures of Standard Webhooks 1.0.0, symmetric: `v1,` and the base 64 of HMAC-SHA256 over
/// `id.timestamp.body`, under the decoded bytes of the secret.
package enum StandardWebhooks {
  package static let idHeader = "webhook-id"
  package static let timestampHeader = "webhook-timestamp"
  package static let signatureHeader = "webhook-signature"

  /// - Parameter timestamp: of this attempt, in whole seconds since 1970.
  package static func signature(
    id: String, timestamp: Int64, body: [UInt8], secret: EndpointSecret
  ) -> String {
    let signed = Array("\(id).\(timestamp).".utf8) + body
    return "v1," + Base64.encode(HMACSHA256.code(signed, key: secret.key))
  }

  /// The header's value: one signature per secret, separated by a space.
  package static func signatures(
    id: String, timestamp: Int64, body: [UInt8], secrets: [EndpointSecret]
  ) -> String {
    secrets.map { signature(id: id, timestamp: timestamp, body: body, secret: $0) }
      .joined(separator: " ")
  }
}
