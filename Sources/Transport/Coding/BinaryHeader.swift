/// The base64 of `-bin` headers: written without padding, read with or without.
enum BinaryHeader {
  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity((bytes.count * 4 + 2) / 3)
    var index = 0
    while index < bytes.count {
      let first = bytes[index]
      let second = index + 1 < bytes.count ? bytes[index + 1] : 0
      let third = index + 2 < bytes.count ? bytes[index + 2] : 0
      encoded.append(digit(first >> 2))
      encoded.append(digit((first & 0x3) << 4 | second >> 4))
      if index + 1 < bytes.count { encoded.append(digit((second & 0xF) << 2 | third >> 6)) }
      if index + 2 < bytes.count { encoded.append(digit(third & 0x3F)) }
      index += 3
    }
    return encoded
  }

  /// Nil when a byte is no digit, when padding is misplaced or when the length is impossible.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var digits = text.count
    var padding = 0
    for byte in text.reversed().prefix(2) {
      guard byte == UInt8(ascii: "=") else { break }
      padding += 1
    }
    if padding > 0, text.count % 4 != 0 { return nil }
    digits -= padding
    guard digits % 4 != 1 else { return nil }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(digits * 3 / 4)
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for byte in text.prefix(digits) {
      guard let value = value(of: byte) else { return nil }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        decoded.append(UInt8(truncatingIfNeeded: bits >> bitCount))
      }
    }
    return decoded
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
