import LedgerCore
import Testing

/// What may be kept with a transaction.
struct TransactionMetadataTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var pairs: [(key: String, value: String)]
    var isAccepted = false
  }

  private static func text(_ count: Int) -> String { String(repeating: "a", count: count) }

  private static func pairs(_ count: Int, valueBytes: Int = 1) -> [(key: String, value: String)] {
    (0..<count).map { (key: "k\($0)", value: text(valueBytes)) }
  }

  static let rows: [Row] = [
    Row(testDescription: "none", pairs: [], isAccepted: true),
    Row(testDescription: "an empty value", pairs: [("a_0", "")], isAccepted: true),
    Row(testDescription: "20 keys", pairs: pairs(20), isAccepted: true),
    Row(testDescription: "21 keys", pairs: pairs(21)),
    Row(testDescription: "an empty key", pairs: [("", "a")]),
    Row(testDescription: "a key of 40", pairs: [(text(40), "a")], isAccepted: true),
    Row(testDescription: "a key of 41", pairs: [(text(41), "a")]),
    Row(testDescription: "a capital letter", pairs: [("Order", "a")]),
    Row(testDescription: "a hyphen", pairs: [("payment-method", "a")]),
    Row(testDescription: "a letter of another alphabet", pairs: [("\u{e4}", "a")]),
    Row(testDescription: "a key twice", pairs: [("a", "1"), ("b", "1"), ("a", "1")]),
    Row(testDescription: "a value of 500", pairs: [("a", text(500))], isAccepted: true),
    Row(testDescription: "a value of 501", pairs: [("a", text(501))]),
    // 500 bytes as 125 characters, and one more.
    Row(
      testDescription: "bytes are counted",
      pairs: [("a", String(repeating: "\u{1F600}", count: 125))],
      isAccepted: true
    ),
    Row(
      testDescription: "more bytes than characters",
      pairs: [("a", String(repeating: "\u{1F600}", count: 126))]
    ),
    // Four pairs of 502 bytes and one of 40.
    Row(
      testDescription: "2,048 bytes",
      pairs: pairs(4, valueBytes: 500) + [(key: text(30), value: text(10))],
      isAccepted: true
    ),
    Row(
      testDescription: "2,049 bytes",
      pairs: pairs(4, valueBytes: 500) + [(key: text(30), value: text(11))]
    ),
  ]

  @Test(arguments: rows) func limits(_ row: Row) {
    #expect((TransactionMetadata(row.pairs) != nil) == row.isAccepted)
  }

  @Test func theOrderHasNoMeaning() {
    let one = TransactionMetadata([("b", "2"), ("a", "1")])
    #expect(one != nil && one == TransactionMetadata([("a", "1"), ("b", "2")]))
    #expect(one?.entries.map(\.key) == ["a", "b"])
    // In a row it has: somebody changed it.
    #expect(one != TransactionMetadata(storedKeys: ["b", "a"], values: ["2", "1"]))
    #expect(one == TransactionMetadata(storedKeys: ["a", "b"], values: ["1", "2"]))
  }

  /// Two texts that look alike are not the same bytes, and so not the same leaf.
  @Test func valuesAreBytes() {
    let composed = TransactionMetadata([("a", "\u{e9}")])
    #expect(composed != TransactionMetadata([("a", "e\u{301}")]))
  }

  @Test func columnsThatContradictEachOther() {
    #expect(TransactionMetadata(storedKeys: nil, values: nil) == TransactionMetadata.none)
    #expect(TransactionMetadata(storedKeys: ["a"], values: nil) == nil)
    #expect(TransactionMetadata(storedKeys: ["a"], values: []) == nil)
    // What a leaf can count, and one more.
    for (count, isReadable) in [(65_535, true), (65_536, false)] {
      let texts = Array(repeating: "a", count: count)
      #expect((TransactionMetadata(storedKeys: texts, values: texts) != nil) == isReadable)
    }
  }
}
