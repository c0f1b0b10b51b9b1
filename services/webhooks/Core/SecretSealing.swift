package import Money
package import Seal

/// A key that seals the endpoints' secrets. It lies outside the database and its backups.
package struct SealingKey: Sendable {
  /// Names the key without telling it: the first 8 bytes of a code under it, as hex.
  package let id: String
  let key: SecretBytes

  package init?(key: SecretBytes) {
    guard key.count == AESGCM.keySize else { return nil }
    self.key = key
    id = Hex.encode(HMACSHA256.code(Array("tender.webhooks.key.id.v1".utf8), key: key).prefix(8))
  }
}

/// The keys of `webhooks.keyFile`: 64 hexadecimal digits a line; empty lines and lines that begin
/// with "#" do not count. The first key seals, the others only open.
package struct SealingKeys: Sendable {
  package static let keysMax = 8

  private let keys: [SealingKey]

  /// Nil if a line is no key, or there are none or too many.
  package init?(fileText: String) {
    var keys: [SealingKey] = []
    for line in fileText.split(whereSeparator: \.isNewline) {
      let text = line.filter { !$0.isWhitespace }
      if text.isEmpty || text.hasPrefix("#") { continue }
      guard let bytes = Hex.decode(text), let key = SealingKey(key: SecretBytes(bytes)),
        keys.count < Self.keysMax
      else { return nil }
      keys.append(key)
    }
    guard !keys.isEmpty else { return nil }
    self.keys = keys
  }

  package init(_ first: SealingKey, others: [SealingKey] = []) { keys = [first] + others }

  /// Which row the sealed secret belongs to: authenticated, so that a value that was moved to
  /// another endpoint or merchant does not open.
  package struct Place: Sendable, Hashable {
    package let merchant: MerchantID
    package let endpoint: EndpointID
    /// The secret's own id.
    package let secret: UInt128

    package init(merchant: MerchantID, endpoint: EndpointID, secret: UInt128) {
      self.merchant = merchant
      self.endpoint = endpoint
      self.secret = secret
    }
  }

  package struct Sealed: Sendable, Hashable {
    package let keyID: String
    /// Nonce (12 bytes), ciphertext, tag (16 bytes).
    package let bytes: [UInt8]

    package init(keyID: String, bytes: [UInt8]) {
      self.keyID = keyID
      self.bytes = bytes
    }
  }

  package func seal(_ secret: EndpointSecret, at place: Place) throws(SealError) -> Sealed {
    let key = keys[0]
    let nonce = try RandomBytes.make(count: AESGCM.nonceSize)
    let sealed = try AESGCM.seal(
      secret.key, key: key.key, nonce: nonce, aad: Self.associated(place, key.id))
    return Sealed(keyID: key.id, bytes: nonce + sealed)
  }

  /// Nil if its key is not in the file, or the row was changed.
  package func open(_ sealed: Sealed, at place: Place) -> EndpointSecret? {
    guard let key = keys.first(where: { $0.id == sealed.keyID }),
      sealed.bytes.count >= AESGCM.nonceSize + AESGCM.tagSize,
      let secret = try? AESGCM.open(
        Array(sealed.bytes[AESGCM.nonceSize...]), key: key.key,
        nonce: Array(sealed.bytes[..<AESGCM.nonceSize]), aad: Self.associated(place, key.id))
    else { return nil }
    return EndpointSecret(key: secret)
  }

  /// Fixed widths, then the key's id: different places, different bytes.
  private static func associated(_ place: Place, _ keyID: String) -> [UInt8] {
    let secret = (0..<16).map { UInt8(truncatingIfNeeded: place.secret >> UInt128((15 - $0) * 8)) }
    return Array("tender.webhooks.secret.v1".utf8) + place.merchant.bytes + place.endpoint.bytes
      + secret + Array(keyID.utf8)
  }
}
