/// Writes JSON straight into bytes, in the order of the calls.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init() { bytes.reserveCapacity(1024) }

  /// One object as a whole document.
  static func document(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.object(nil, body)
    return writer.bytes
  }

  mutating func object(_ name: String?, _ body: (inout JSONWriter) -> Void) {
    open(name, "{")
    body(&self)
    close("}")
  }

  mutating func array(_ name: String?, _ body: (inout JSONWriter) -> Void) {
    open(name, "[")
    body(&self)
    close("]")
  }

  mutating func text(_ name: String?, _ value: String?) {
    begin(name)
    if let value { appendQuoted(value) } else { append("null") }
  }

  mutating func number(_ name: String?, _ value: Int64?) {
    begin(name)
    append(value.map(String.init) ?? "null")
  }

  mutating func flag(_ name: String?, _ value: Bool?) {
    begin(name)
    append(value.map { $0 ? "true" : "false" } ?? "null")
  }

  mutating func null(_ name: String?) {
    begin(name)
    append("null")
  }

  /// `value` is JSON already.
  mutating func raw(_ name: String?, _ value: [UInt8]) {
    begin(name)
    bytes.append(contentsOf: value)
  }

  mutating func texts(_ name: String?, _ pairs: [(String, String)]) {
    object(name) { for (key, value) in pairs { $0.text(key, value) } }
  }

  private mutating func begin(_ name: String?) {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
    guard let name else { return }
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func open(_ name: String?, _ bracket: Unicode.Scalar) {
    begin(name)
    bytes.append(UInt8(ascii: bracket))
    needsComma = false
  }

  private mutating func close(_ bracket: Unicode.Scalar) {
    bytes.append(UInt8(ascii: bracket))
    needsComma = true
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      let isPlain = utf8.allSatisfy {
        $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
      }
      if isPlain { bytes.append(contentsOf: utf8) } else { appendEscaped(utf8) }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
    let digits = Array("0123456789abcdef".utf8)
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        append("\\u00")
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
  }
}
