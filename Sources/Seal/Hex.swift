/// Base 16.
package enum Hex {
  /// Lower case.
  package static func encode(_ bytes: some Collection<UInt8>) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      result.append(digit(byte >> 4))
      result.append(digit(byte & 15))
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Either case; nil for an odd length or another character.
  package static func decode(_ text: String) -> [UInt8]? {
    let symbols = text.utf8.span
    guard symbols.count % 2 == 0 else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(symbols.count / 2)
    for index in stride(from: 0, to: symbols.count, by: 2) {
      guard let high = value(symbols[index]), let low = value(symbols[index + 1]) else {
        return nil
      }
      result.append(high << 4 | low)
    }
    return result
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func value(_ symbol: UInt8) -> UInt8? {
    switch symbol {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): symbol - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): symbol - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): symbol - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
