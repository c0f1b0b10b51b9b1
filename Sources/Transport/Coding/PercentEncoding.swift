/// The percent-encoding of `grpc-message`: everything outside 0x20...0x7E, and `%` itself.
enum PercentEncoding {
  static func encode(_ text: String) -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      if byte >= 0x20, byte <= 0x7E, byte != UInt8(ascii: "%") {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(hexadecimalDigit(byte >> 4))
        encoded.append(hexadecimalDigit(byte & 0xF))
      }
    }
    return encoded
  }

  /// Never fails: a malformed escape stands for itself, invalid UTF-8 is repaired.
  static func decode(_ bytes: some Sequence<UInt8>) -> String {
    let input = Array(bytes)
    guard input.contains(UInt8(ascii: "%")) else { return String(decoding: input, as: UTF8.self) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(input.count)
    var index = 0
    while index < input.count {
      if input[index] == UInt8(ascii: "%"), index + 2 < input.count,
        let high = value(of: input[index + 1]), let low = value(of: input[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(input[index])
        index += 1
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
