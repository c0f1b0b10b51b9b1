/// The key a client puts on a mutation: 1 to 255 characters, each 0x21 to 0x7E.
package struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
  package static let lengthMax = 255

  package let text: String

  /// - Throws: `empty`, `tooLong`, `invalidCharacter`.
  package init(_ text: String) throws(IdempotencyKeyError) {
    let bytes = text.utf8
    guard !bytes.isEmpty else { throw .empty }
    guard bytes.count <= Self.lengthMax else { throw .tooLong }
    for (position, byte) in bytes.enumerated() where !(0x21...0x7E).contains(byte) {
      throw .invalidCharacter(position: position)
    }
    self.text = text
  }

  package var description: String { text }
}

/// Why a text is no idempotency key, in order of checking. Never holds the text.
package enum IdempotencyKeyError: Error, Hashable, Sendable {
  case empty
  case tooLong
  case invalidCharacter(position: Int)
}
