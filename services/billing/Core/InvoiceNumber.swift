/// An invoice's number within its merchant: 1, 2, 3 … without a gap, shown as `INV-000001`.
package struct InvoiceNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
  private static let prefix = "INV-"
  /// Shorter numbers get zeros in front.
  private static let digitsMin = 6

  package let value: Int64

  /// Nil below 1.
  package init?(_ value: Int64) {
    guard value >= 1 else { return nil }
    self.value = value
  }

  /// Reads exactly what `description` writes.
  package init?(_ text: String) {
    guard text.hasPrefix(Self.prefix), let value = Int64(text.dropFirst(Self.prefix.utf8.count)),
      let number = InvoiceNumber(value), number.description == text
    else { return nil }
    self = number
  }

  package var description: String {
    let digits = String(value)
    let zeros = String(repeating: "0", count: max(0, Self.digitsMin - digits.utf8.count))
    return Self.prefix + zeros + digits
  }

  package static func < (left: InvoiceNumber, right: InvoiceNumber) -> Bool {
    left.value < right.value
  }
}
