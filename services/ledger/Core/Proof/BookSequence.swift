/// The place of a transaction in the order of the books: 48 bits of milliseconds, 48 of the batch,
/// 32 of the item.
package struct BookSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
  private var high: UInt64
  private var low: UInt64

  package init(_ bits: UInt128) {
    high = UInt64(truncatingIfNeeded: bits >> 64)
    low = UInt64(truncatingIfNeeded: bits)
  }

  package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

  package static let zero = BookSequence(0)

  package static func < (left: BookSequence, right: BookSequence) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  /// 32 hexadecimal digits.
  package var description: String {
    let text = String(bits, radix: 16)
    return String(repeating: "0", count: 32 - text.utf8.count) + text
  }

  /// From 32 hexadecimal digits.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, let bits = UInt128(text, radix: 16) else { return nil }
    self.init(bits)
  }
}
