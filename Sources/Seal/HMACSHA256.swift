import COpenSSL

/// HMAC with SHA-256 (RFC 2104).
package enum HMACSHA256 {
  /// Bytes of a code.
  package static let size = 32

  /// The authentication code of `bytes`: 32 bytes.
  package static func code(_ bytes: Span<UInt8>, key: SecretBytes) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: size)
    key.withBytes { key in
      bytes.withUnsafeBufferPointer { bytes in
        // Fails only without memory or without the algorithm; nothing can go on then.
        precondition(
          seal_hmac_sha256(
            key.baseAddress?.assumingMemoryBound(to: UInt8.self),
            key.count,
            bytes.baseAddress,
            bytes.count,
            &code
          ) == 1
        )
      }
    }
    return code
  }

  package static func code(_ bytes: [UInt8], key: SecretBytes) -> [UInt8] {
    code(bytes.span, key: key)
  }

  /// True if `expected` is the code of `bytes`; constant time.
  package static func verify(_ bytes: [UInt8], key: SecretBytes, expected: [UInt8]) -> Bool {
    ConstantTime.equals(code(bytes.span, key: key), expected)
  }
}
