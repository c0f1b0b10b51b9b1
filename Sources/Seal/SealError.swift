/// Why a cryptographic operation gave nothing. Carries no input.
package enum SealError: Error, Hashable, Sendable {
  /// A key, nonce, tag or signature of the wrong size.
  case wrongSize
  /// The tag does not fit: another key, nonce, associated data, or changed bytes.
  case notAuthentic
  /// The library refused: out of memory, or an algorithm is switched off.
  case unavailable
}
