import COpenSSL

/// Ed25519 signatures (RFC 8032).
package enum Ed25519 {
  /// Bytes.
  package static let keySize = 32
  package static let signatureSize = 64

  /// A signing key: the 32-byte seed.
  package struct PrivateKey: Sendable {
    package let seed: SecretBytes
    package let publicKey: PublicKey

    /// - Throws: `wrongSize`, `unavailable`.
    package init(seed: SecretBytes) throws(SealError) {
      guard seed.count == keySize else { throw .wrongSize }
      var publicBytes = [UInt8](repeating: 0, count: keySize)
      let ok = seed.withBytes { seed in
        seal_ed25519_public(seed.baseAddress?.assumingMemoryBound(to: UInt8.self), &publicBytes)
      }
      guard ok == 1 else { throw .unavailable }
      self.seed = seed
      publicKey = try PublicKey(publicBytes)
    }

    /// A fresh key.
    /// - Throws: `unavailable`.
    package static func generate() throws(SealError) -> PrivateKey {
      try PrivateKey(seed: SecretBytes.random(count: keySize))
    }

    /// 64 bytes; the same for the same message.
    /// - Throws: `unavailable`.
    package func sign(_ message: [UInt8]) throws(SealError) -> [UInt8] {
      var signature = [UInt8](repeating: 0, count: signatureSize)
      let ok = seed.withBytes { seed in
        seal_ed25519_sign(
          seed.baseAddress?.assumingMemoryBound(to: UInt8.self),
          message,
          message.count,
          &signature
        )
      }
      guard ok == 1 else { throw .unavailable }
      return signature
    }
  }

  /// A key that verifies.
  package struct PublicKey: Hashable, Sendable {
    package let bytes: [UInt8]

    /// - Throws: `wrongSize`.
    package init(_ bytes: [UInt8]) throws(SealError) {
      guard bytes.count == keySize else { throw .wrongSize }
      self.bytes = bytes
    }

    /// False for a signature of another message, key or size.
    package func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
      signature.count == signatureSize
        && seal_ed25519_verify(bytes, message, message.count, signature) == 1
    }
  }
}
