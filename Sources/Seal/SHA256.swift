import COpenSSL

/// SHA-256, at once or in parts.
package struct SHA256: ~Copyable {
  /// Bytes of a digest.
  package static let size = 32

  private let state: OpaquePointer

  /// Starts an incremental digest.
  /// - Throws: `unavailable`.
  package init() throws(SealError) {
    guard let state = seal_sha256_new() else { throw .unavailable }
    self.state = state
  }

  deinit { seal_sha256_free(state) }

  package mutating func update(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { buffer in
      precondition(seal_sha256_update(state, buffer.baseAddress, buffer.count) == 1)
    }
  }

  package mutating func update(_ bytes: [UInt8]) { update(bytes.span) }

  package mutating func update(_ text: String) { update(text.utf8.span) }

  package consuming func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Self.size)
    precondition(seal_sha256_finish(state, &digest) == 1)
    discard self
    return digest
  }

  /// The digest of bytes: 32 bytes.
  package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: size)
    bytes.withUnsafeBufferPointer { buffer in
      // Fails only when libcrypto has no SHA-256 at all; nothing can go on without it.
      precondition(seal_sha256(buffer.baseAddress, buffer.count, &digest) == 1)
    }
    return digest
  }

  package static func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span) }

  package static func hash(_ text: String) -> [UInt8] { hash(text.utf8.span) }
}
