import Money
package import Seal

/// A part of a report while it waits for the others: sealed with a key that only its sender has. A file
/// that was not checked yet may hold anything, and nothing of it may lie open in the database.
package struct ReportPartSeal: Sendable {
  /// From 1.
  package let part: Int32
  package let count: Int32
  private let key: SecretBytes
  private let sha256: [UInt8]

  /// - Parameter sha256: of the whole report.
  /// - Returns: nil for a key of another size.
  package init?(part: Int32, of count: Int32, key: [UInt8], sha256: [UInt8]) {
    guard key.count == AESGCM.keySize else { return nil }
    self.part = part
    self.count = count
    self.key = SecretBytes(key)
    self.sha256 = sha256
  }

  private init(_ other: ReportPartSeal, part: Int32) {
    (self.part, count, key, sha256) = (part, other.count, other.key, other.sha256)
  }

  /// Another part of the same report.
  package func of(_ part: Int32) -> ReportPartSeal { ReportPartSeal(self, part: part) }

  package func seal(_ content: [UInt8]) throws(SealError) -> [UInt8] {
    let nonce = try RandomBytes.make(count: AESGCM.nonceSize)
    return nonce + (try AESGCM.seal(content, key: key, nonce: nonce, aad: place))
  }

  package func open(_ sealed: [UInt8]) throws(SealError) -> [UInt8] {
    guard sealed.count >= AESGCM.nonceSize else { throw .wrongSize }
    let nonce = Array(sealed.prefix(AESGCM.nonceSize))
    let rest = Array(sealed.dropFirst(AESGCM.nonceSize))
    return try AESGCM.open(rest, key: key, nonce: nonce, aad: place).copyBytes()
  }

  /// What a part is sealed for: no other place, no other report.
  private var place: [UInt8] {
    var canonical = CanonicalBytes(capacity: 64)
    canonical.append("tender.report.part.v1")
    canonical.append(part)
    canonical.append(count)
    return canonical.bytes + sha256
  }
}
