/// The code of an account: a path of segments joined by ":", for example
/// `gateway_clearing:stripe:acct_test`.
///
/// Segments are 1 or more of letters, digits, "_", "-" and "."; the whole is at most 120 bytes.
package struct AccountCode: Hashable, Sendable, CustomStringConvertible {
  /// Longest code in bytes.
  package static let lengthMax = 120

  package let description: String
  /// The first segment: the account's line in the chart.
  package let segment: String

  package init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= Self.lengthMax else { return nil }
    var segmentLength = 0
    for byte in text.utf8 {
      if byte == UInt8(ascii: ":") {
        guard segmentLength > 0 else { return nil }
        segmentLength = 0
      } else {
        guard Self.isAllowed(byte) else { return nil }
        segmentLength += 1
      }
    }
    guard segmentLength > 0 else { return nil }
    description = text
    segment = String(text.prefix { $0 != ":" })
  }

  /// The text as one segment: every byte that a segment does not allow becomes "_".
  package static func segment(of text: String) -> String {
    let bytes = text.utf8.map { isAllowed($0) ? $0 : UInt8(ascii: "_") }
    return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}
