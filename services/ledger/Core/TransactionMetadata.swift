/// What whoever posts a transaction keeps with it: stored, covered by the chain, shown again.
///
/// The books themselves read one key, `payment_method`, for the forecast. The limits are API.
package struct TransactionMetadata: Hashable, Sendable {
  package static let keysMax = 20
  /// Of `a` to `z`, `0` to `9` and `_`.
  package static let keyBytesMax = 40
  package static let valueBytesMax = 500
  /// Of all keys and values together.
  package static let bytesMax = 2_048

  /// How the money was paid, in the poster's word: `card`, `sepa_debit`.
  package static let paymentMethodKey = "payment_method"

  package struct Entry: Hashable, Sendable {
    package let key: String
    package let value: String

    /// By bytes, as the chain covers them: texts that only look alike are two.
    package static func == (left: Entry, right: Entry) -> Bool {
      left.key.utf8.elementsEqual(right.key.utf8)
        && left.value.utf8.elementsEqual(right.value.utf8)
    }
  }

  package static let none = TransactionMetadata(entries: [])

  /// By key; as they lie in the table.
  package let entries: [Entry]

  private init(entries: [Entry]) { self.entries = entries }

  /// In any order; nil beyond the limits, or where a key is there twice.
  package init?(_ pairs: [(key: String, value: String)]) {
    guard pairs.count <= Self.keysMax,
      pairs.allSatisfy({ Self.isKey($0.key) && $0.value.utf8.count <= Self.valueBytesMax }),
      pairs.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) <= Self.bytesMax,
      Set(pairs.map(\.key)).count == pairs.count
    else { return nil }
    // Keys are ASCII: the order of their bytes, which the database keeps.
    entries = pairs.map { Entry(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
  }

  /// From the columns of a row, whatever they hold; nil if they contradict each other, or are more
  /// than a leaf can count.
  package init?(storedKeys keys: [String]?, values: [String]?) {
    guard keys?.count == values?.count, (keys?.count ?? 0) <= Int(UInt16.max) else {
      return nil
    }
    entries = zip(keys ?? [], values ?? []).map { Entry(key: $0, value: $1) }
  }

  package var isEmpty: Bool { entries.isEmpty }

  private static func isKey(_ text: String) -> Bool {
    (1...keyBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
