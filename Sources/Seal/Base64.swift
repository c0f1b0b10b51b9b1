/// Base 64 (RFC 4648).
package enum Base64 {
  package enum Alphabet: Sendable {
    /// `+` and `/`, padded with `=`.
    case standard
    /// `-` and `_`, not padded.
    case url
  }

  package static func encode(
    _ bytes: some Collection<UInt8>,
    _ alphabet: Alphabet = .standard
  ) -> String {
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    var (bits, pending): (UInt32, UInt32) = (0, 0)
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      pending += 8
      while pending >= 6 {
        pending -= 6
        result.append(symbol(UInt8(truncatingIfNeeded: bits >> pending) & 63, alphabet))
      }
    }
    if pending > 0 {
      result.append(symbol(UInt8(truncatingIfNeeded: bits << (6 - pending)) & 63, alphabet))
    }
    if alphabet == .standard {
      while result.count % 4 != 0 { result.append(UInt8(ascii: "=")) }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Strict: one text for each value. Standard needs its padding, url refuses any; bits that say
  /// nothing must be zero; no white space. nil for anything else.
  package static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
    var symbols = text.utf8.span
    if alphabet == .standard {
      guard symbols.count % 4 == 0 else { return nil }
      var padding = 0
      while padding < 2, symbols.count > padding,
        symbols[symbols.count - 1 - padding] == UInt8(ascii: "=")
      {
        padding += 1
      }
      symbols = symbols.extracting(droppingLast: padding)
    }
    guard symbols.count % 4 != 1 else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(symbols.count * 3 / 4)
    var (bits, pending): (UInt32, UInt32) = (0, 0)
    for index in symbols.indices {
      guard let value = value(symbols[index], alphabet) else { return nil }
      bits = bits << 6 | UInt32(value)
      pending += 6
      if pending >= 8 {
        pending -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> pending))
      }
    }
    guard bits & (1 << pending - 1) == 0 else { return nil }
    return result
  }

  private static func symbol(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
    default: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
    }
  }

  private static func value(_ symbol: UInt8, _ alphabet: Alphabet) -> UInt8? {
    switch symbol {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): symbol - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): symbol - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): symbol - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+") where alphabet == .standard: 62
    case UInt8(ascii: "/") where alphabet == .standard: 63
    case UInt8(ascii: "-") where alphabet == .url: 62
    case UInt8(ascii: "_") where alphabet == .url: 63
    default: nil
    }
  }
}
