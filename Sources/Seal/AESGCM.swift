import COpenSSL

/// AES-256-GCM with associated data. A nonce must never be used twice with one key: take fresh
/// random ones and change the key before 2^32 messages.
package enum AESGCM {
  /// Bytes.
  package static let keySize = 32
  package static let nonceSize = 12
  package static let tagSize = 16

  /// The ciphertext, then the tag: 16 bytes longer than the plaintext.
  /// - Throws: `wrongSize`, `unavailable`.
  package static func seal(
    _ plain: SecretBytes,
    key: SecretBytes,
    nonce: [UInt8],
    aad: [UInt8]
  ) throws(SealError) -> [UInt8] {
    guard key.count == keySize, nonce.count == nonceSize else { throw .wrongSize }
    var sealed = [UInt8](repeating: 0, count: plain.count + tagSize)
    let ok = key.withBytes { key in
      plain.withBytes { plain in
        seal_gcm_seal(
          key.baseAddress?.assumingMemoryBound(to: UInt8.self),
          nonce,
          aad,
          aad.count,
          plain.baseAddress?.assumingMemoryBound(to: UInt8.self),
          plain.count,
          &sealed
        )
      }
    }
    guard ok == 1 else { throw .unavailable }
    return sealed
  }

  /// The same for bytes that are in an array anyway.
  package static func seal(
    _ plain: [UInt8],
    key: SecretBytes,
    nonce: [UInt8],
    aad: [UInt8]
  ) throws(SealError) -> [UInt8] {
    try seal(SecretBytes(plain), key: key, nonce: nonce, aad: aad)
  }

  /// The plaintext of what `seal` made with the same key, nonce and associated data.
  /// - Throws: `wrongSize`, `notAuthentic`.
  package static func open(
    _ sealed: [UInt8],
    key: SecretBytes,
    nonce: [UInt8],
    aad: [UInt8]
  ) throws(SealError) -> SecretBytes {
    guard key.count == keySize, nonce.count == nonceSize, sealed.count >= tagSize else {
      throw .wrongSize
    }
    return try SecretBytes(count: sealed.count - tagSize) { plain throws(SealError) in
      let ok = key.withBytes { key in
        seal_gcm_open(
          key.baseAddress?.assumingMemoryBound(to: UInt8.self),
          nonce,
          aad,
          aad.count,
          sealed,
          sealed.count,
          plain.baseAddress?.assumingMemoryBound(to: UInt8.self)
        )
      }
      guard ok == 1 else { throw .notAuthentic }
    }
  }
}
