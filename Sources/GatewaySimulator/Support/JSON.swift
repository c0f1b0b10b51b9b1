/// A parsed JSON value. Members keep their order; of repeated names the first counts.
enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case text(String)
  case array([JSON])
  case object([Member])

  struct Member: Sendable, Equatable {
    let name: String
    let value: JSON
  }

  /// Nesting a request may have; deeper is refused like any other syntax error.
  static let depthMax = 32

  init?(parsing bytes: [UInt8]) {
    let parsed = bytes.withUnsafeBufferPointer { buffer -> JSON? in
      var parser = JSONParser(buffer)
      return parser.document()
    }
    guard let parsed else { return nil }
    self = parsed
  }

  subscript(_ name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  var text: String? { if case .text(let value) = self { value } else { nil } }
  var int: Int64? { if case .int(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var items: [JSON]? { if case .array(let value) = self { value } else { nil } }

  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The members whose values are texts.
  var pairs: [(String, String)] {
    guard case .object(let members) = self else { return [] }
    return members.compactMap { member in member.value.text.map { (member.name, $0) } }
  }
}

private struct JSONParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func document() -> JSON? {
    guard let value = value(depth: 0) else { return nil }
    skipSpace()
    return position == bytes.count ? value : nil
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: scalar) else { return false }
    position += 1
    return true
  }

  private mutating func word(_ text: StaticString, _ value: JSON) -> JSON? {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count else { return nil }
    for index in 0..<count where bytes[position + index] != text.utf8Start[index] { return nil }
    position += count
    return value
  }

  private mutating func value(depth: Int) -> JSON? {
    skipSpace()
    guard depth < JSON.depthMax, position < bytes.count else { return nil }
    switch bytes[position] {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return array(depth: depth)
    case UInt8(ascii: "\""): return string().map(JSON.text)
    case UInt8(ascii: "t"): return word("true", .bool(true))
    case UInt8(ascii: "f"): return word("false", .bool(false))
    case UInt8(ascii: "n"): return word("null", .null)
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> JSON? {
    position += 1
    var members: [JSON.Member] = []
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\""), let name = string(),
        take(":"), let value = value(depth: depth + 1)
      else { return nil }
      members.append(JSON.Member(name: name, value: value))
    } while take(",")
    return take("}") ? .object(members) : nil
  }

  private mutating func array(depth: Int) -> JSON? {
    position += 1
    var items: [JSON] = []
    if take("]") { return .array(items) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      items.append(value)
    } while take(",")
    return take("]") ? .array(items) : nil
  }

  private mutating func number() -> JSON? {
    let start = position
    while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) {
      position += 1
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if let value = Int64(text), !text.hasPrefix("+") { return .int(value) }
    guard let value = Double(text), !text.isEmpty else { return nil }
    return .double(value)
  }

  private mutating func string() -> String? {
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        defer { position += 1 }
        return String(validating: bytes[start..<position], as: UTF8.self)
      case UInt8(ascii: "\\"): return escapedString(from: start)
      case 0..<0x20: return nil
      default: position += 1
      }
    }
    return nil
  }

  private mutating func escapedString(from start: Int) -> String? {
    var result = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: result, as: UTF8.self)
      case UInt8(ascii: "\\"): guard escape(into: &result) else { return nil }
      case 0..<0x20: return nil
      default: result.append(byte)
      }
    }
    return nil
  }

  private mutating func escape(into result: inout [UInt8]) -> Bool {
    guard position < bytes.count else { return false }
    defer { position += 1 }
    switch bytes[position] {
    case UInt8(ascii: "n"): result.append(0x0a)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "r"): result.append(0x0d)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0c)
    case UInt8(ascii: "u"):
      guard let scalar = unicodeEscape() else { return false }
      result.append(contentsOf: String(scalar).utf8)
    case let byte where "\"\\/".utf8.contains(byte): result.append(byte)
    default: return false
    }
    return true
  }

  /// Leaves the position on the last digit.
  private mutating func unicodeEscape() -> Unicode.Scalar? {
    guard let unit = fourDigits() else { return nil }
    guard (0xd800..<0xdc00).contains(unit) else { return Unicode.Scalar(unit) }
    guard position + 2 < bytes.count, bytes[position + 1] == UInt8(ascii: "\\"),
      bytes[position + 2] == UInt8(ascii: "u")
    else { return nil }
    position += 2
    guard let low = fourDigits(), (0xdc00..<0xe000).contains(low) else { return nil }
    return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
  }

  private mutating func fourDigits() -> UInt32? {
    guard position + 4 < bytes.count else { return nil }
    let text = String(decoding: bytes[(position + 1)...(position + 4)], as: UTF8.self)
    position += 4
    return UInt32(text, radix: 16)
  }
}
