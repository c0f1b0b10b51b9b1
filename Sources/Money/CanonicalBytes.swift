/// Bytes that hashes are made of: fixed-width integers, most significant byte first, texts and
/// bytes behind their length, so that different contents never have the same bytes.
package struct CanonicalBytes: Hashable, Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  package mutating func append(_ value: some FixedWidthInteger) {
    var shift = type(of: value).bitWidth
    while shift > 0 {
      shift -= 8
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  package mutating func append(_ text: String) {
    append(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// Behind their count.
  package mutating func append(_ more: [UInt8]) {
    append(UInt32(more.count))
    bytes.append(contentsOf: more)
  }

  package mutating func append(_ currency: Currency) {
    bytes.append(contentsOf: currency.code.utf8)
  }
}
