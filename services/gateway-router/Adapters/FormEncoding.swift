/// application/x-www-form-urlencoded, in the order given.
struct FormEncoding {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ name: String, _ value: String) {
    if !bytes.isEmpty { bytes.append(UInt8(ascii: "&")) }
    append(name)
    bytes.append(UInt8(ascii: "="))
    append(value)
  }

  mutating func add(_ name: String, _ value: String?) {
    if let value { add(name, value) }
  }

  private mutating func append(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "*"):
        bytes.append(byte)
      default:
        bytes.append(UInt8(ascii: "%"))
        bytes.append(Self.digits[Int(byte >> 4)])
        bytes.append(Self.digits[Int(byte & 15)])
      }
    }
  }

  private static let digits = Array("0123456789ABCDEF".utf8)
}
