/// Whether a text is one JSON object (RFC 8259): what goes into bodies is checked, never re-encoded.
package enum JSONCheck {
  package static let depthMax = 32

  package static func isObject(_ text: String) -> Bool {
    var scanner = Scanner(bytes: Array(text.utf8))
    scanner.skipBlank()
    guard scanner.peek == UInt8(ascii: "{"), scanner.value(depth: 0) else { return false }
    scanner.skipBlank()
    return scanner.peek == nil
  }

  private struct Scanner {
    let bytes: [UInt8]
    var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func skipBlank() {
      while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
        index += 1
      }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      guard peek == byte else { return false }
      index += 1
      return true
    }

    mutating func value(depth: Int) -> Bool {
      guard depth < JSONCheck.depthMax else { return false }
      skipBlank()
      switch peek {
      case UInt8(ascii: "{"):
        return list(closing: UInt8(ascii: "}")) { scanner in
          scanner.skipBlank()
          guard scanner.string() else { return false }
          scanner.skipBlank()
          return scanner.take(UInt8(ascii: ":")) && scanner.value(depth: depth + 1)
        }
      case UInt8(ascii: "["):
        return list(closing: UInt8(ascii: "]")) { $0.value(depth: depth + 1) }
      case UInt8(ascii: "\""): return string()
      case UInt8(ascii: "t"): return word("true")
      case UInt8(ascii: "f"): return word("false")
      case UInt8(ascii: "n"): return word("null")
      default: return number()
      }
    }

    private mutating func list(
      closing: UInt8, _ element: (inout Scanner) -> Bool
    ) -> Bool {
      index += 1
      skipBlank()
      if take(closing) { return true }
      while true {
        guard element(&self) else { return false }
        skipBlank()
        if take(closing) { return true }
        guard take(UInt8(ascii: ",")) else { return false }
      }
    }

    private mutating func word(_ word: StaticString) -> Bool {
      for byte in word.description.utf8 where !take(byte) { return false }
      return true
    }

    private mutating func string() -> Bool {
      guard take(UInt8(ascii: "\"")) else { return false }
      while let byte = peek {
        index += 1
        switch byte {
        case UInt8(ascii: "\""): return true
        case UInt8(ascii: "\\"): guard escape() else { return false }
        case 0..<0x20: return false
        default: break
        }
      }
      return false
    }

    private mutating func escape() -> Bool {
      guard let byte = peek else { return false }
      index += 1
      guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
      for _ in 0..<4 {
        guard let digit = peek, Self.isHex(digit) else { return false }
        index += 1
      }
      return true
    }

    private mutating func number() -> Bool {
      _ = take(UInt8(ascii: "-"))
      let start = index
      guard digits() else { return false }
      if bytes[start] == UInt8(ascii: "0"), index > start + 1 { return false }
      if take(UInt8(ascii: ".")), !digits() { return false }
      if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
        _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
        return digits()
      }
      return true
    }

    private mutating func digits() -> Bool {
      let start = index
      while let byte = peek, 0x30...0x39 ~= byte { index += 1 }
      return index > start
    }

    private static func isHex(_ byte: UInt8) -> Bool {
      0x30...0x39 ~= byte || 0x41...0x46 ~= byte || 0x61...0x66 ~= byte
    }
  }
}
