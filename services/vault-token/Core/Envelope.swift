package import Money
package import Seal

/// What a key of a merchant is for.
package enum KeyPurpose: String, Hashable, Sendable, CaseIterable {
  /// Seals references; rotated.
  case data
  /// Makes equal cards recognisable; one version for life.
  case fingerprint
}

/// Which key of which merchant.
package struct KeyName: Hashable, Sendable {
  package let merchant: MerchantID
  package let purpose: KeyPurpose
  package let version: Int32

  package init(merchant: MerchantID, purpose: KeyPurpose, version: Int32) {
    self.merchant = merchant
    self.purpose = purpose
    self.version = version
  }
}

/// Which cell of which table a sealed value belongs to. All of it is authenticated, so that a value
/// moved to another row, column, merchant or key version does not open.
package struct SealedPlace: Hashable, Sendable {
  package let merchant: MerchantID
  package let paymentMethod: PaymentMethodID
  /// For example `reference:stripe`.
  package let column: String
  package let keyVersion: Int32

  package init(
    merchant: MerchantID,
    paymentMethod: PaymentMethodID,
    column: String,
    keyVersion: Int32
  ) {
    self.merchant = merchant
    self.paymentMethod = paymentMethod
    self.column = column
    self.keyVersion = keyVersion
  }
}

/// Key-encryption key → data key of a merchant → value. Everything sealed is nonce (12 bytes),
/// ciphertext, tag (16 bytes); nonces are random and fresh, which is safe below 2^32 values per
/// key version.
package enum Envelope {
  /// Bytes that sealing adds.
  package static let overhead = AESGCM.nonceSize + AESGCM.tagSize

  /// A fresh data or fingerprint key.
  package static func makeKey() throws(SealError) -> SecretBytes {
    try SecretBytes.random(count: AESGCM.keySize)
  }

  package static func wrap(
    _ key: SecretBytes,
    as name: KeyName,
    with wrapping: KeyEncryptionKey
  ) throws(SealError) -> [UInt8] {
    try seal(key, key: wrapping.key, aad: associated(name, wrappedBy: wrapping.id))
  }

  /// - Throws: `wrongSize`, `notAuthentic`.
  package static func unwrap(
    _ wrapped: [UInt8],
    as name: KeyName,
    with wrapping: KeyEncryptionKey
  ) throws(SealError) -> SecretBytes {
    try open(wrapped, key: wrapping.key, aad: associated(name, wrappedBy: wrapping.id))
  }

  package static func seal(
    _ plain: SecretBytes,
    at place: SealedPlace,
    with dataKey: SecretBytes
  ) throws(SealError) -> [UInt8] {
    try seal(plain, key: dataKey, aad: associated(place))
  }

  /// - Throws: `wrongSize`, `notAuthentic`.
  package static func open(
    _ sealed: [UInt8],
    at place: SealedPlace,
    with dataKey: SecretBytes
  ) throws(SealError) -> SecretBytes {
    try open(sealed, key: dataKey, aad: associated(place))
  }

  private static func seal(
    _ plain: SecretBytes,
    key: SecretBytes,
    aad: [UInt8]
  ) throws(SealError) -> [UInt8] {
    let nonce = try RandomBytes.make(count: AESGCM.nonceSize)
    return nonce + (try AESGCM.seal(plain, key: key, nonce: nonce, aad: aad))
  }

  private static func open(
    _ sealed: [UInt8],
    key: SecretBytes,
    aad: [UInt8]
  ) throws(SealError) -> SecretBytes {
    guard sealed.count >= overhead else { throw .wrongSize }
    return try AESGCM.open(
      Array(sealed[AESGCM.nonceSize...]),
      key: key,
      nonce: Array(sealed[..<AESGCM.nonceSize]),
      aad: aad
    )
  }

  /// Fixed-width numbers, and texts behind their length: different places, different bytes.
  static func associated(_ place: SealedPlace) -> [UInt8] {
    text("tender.vault.value.v1") + place.merchant.bytes + place.paymentMethod.bytes
      + text(place.column) + number(UInt32(bitPattern: place.keyVersion))
  }

  static func associated(_ name: KeyName, wrappedBy id: String) -> [UInt8] {
    text("tender.vault.key.v1") + name.merchant.bytes + text(name.purpose.rawValue)
      + number(UInt32(bitPattern: name.version)) + text(id)
  }

  private static func text(_ value: String) -> [UInt8] {
    number(UInt32(value.utf8.count)) + Array(value.utf8)
  }

  private static func number(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
