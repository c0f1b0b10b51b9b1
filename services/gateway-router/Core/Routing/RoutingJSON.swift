/// A JSON value as people write rules: order kept, keys unique, depth bounded. Numbers that are no
/// 64-bit integers are kept apart, since no field takes one.
indirect enum RoutingJSON: Sendable, Hashable {
  case object([Member])
  case array([RoutingJSON])
  case string(String)
  case integer(Int64)
  case otherNumber
  case boolean(Bool)
  case null

  struct Member: Sendable, Hashable {
    var key: String
    var value: RoutingJSON
  }

  /// What is wrong with a text, and where.
  struct Failure: Error, Sendable, Hashable {
    enum Kind: Sendable, Hashable { case malformed, tooDeep, repeatedKey, controlCharacter }

    var kind: Kind
    var what: String
    /// From 1.
    var line: Int
    var column: Int
  }

  /// Objects and lists within each other; a document needs 5.
  static let depthMax = 8

  static func parse(_ text: String) throws(Failure) -> RoutingJSON {
    var parser = RoutingJSONParser(Array(text.utf8))
    return try parser.document()
  }
}

/// RFC 8259, over bytes.
private struct RoutingJSONParser {
  private let bytes: [UInt8]
  private var index = 0
  private var depth = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(RoutingJSON.Failure) -> RoutingJSON {
    let value = try value()
    skipSpace()
    guard index == bytes.count else { throw failure(.malformed, "more text after the end") }
    return value
  }

  private mutating func value() throws(RoutingJSON.Failure) -> RoutingJSON {
    skipSpace()
    guard let first = peek else { throw failure(.malformed, "the text ends here") }
    switch first {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure(.malformed, "no JSON value begins here")
    }
  }

  private mutating func object() throws(RoutingJSON.Failure) -> RoutingJSON {
    try descend()
    var members: [RoutingJSON.Member] = []
    var keys: Set<String> = []
    skipSpace()
    if take("}") { return ascend(.object([])) }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw failure(.malformed, "a name in quotes is due") }
      let key = try string()
      guard keys.insert(key).inserted else { throw failure(.repeatedKey, "a name stands twice") }
      skipSpace()
      guard take(":") else { throw failure(.malformed, "a colon is due") }
      members.append(RoutingJSON.Member(key: key, value: try value()))
      skipSpace()
    } while take(",")
    guard take("}") else { throw failure(.malformed, "a comma or } is due") }
    return ascend(.object(members))
  }

  private mutating func array() throws(RoutingJSON.Failure) -> RoutingJSON {
    try descend()
    var values: [RoutingJSON] = []
    skipSpace()
    if take("]") { return ascend(.array([])) }
    repeat {
      values.append(try value())
      skipSpace()
    } while take(",")
    guard take("]") else { throw failure(.malformed, "a comma or ] is due") }
    return ascend(.array(values))
  }

  private mutating func string() throws(RoutingJSON.Failure) -> String {
    index += 1
    var text: [UInt8] = []
    while let byte = peek {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20, 0x7F: throw failure(.controlCharacter, "a control character in a text")
      default: text.append(byte)
      }
    }
    throw failure(.malformed, "a text does not end")
  }

  private mutating func escape() throws(RoutingJSON.Failure) -> [UInt8] {
    guard let byte = peek else { throw failure(.malformed, "a text does not end") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "u"):
      guard index + 4 <= bytes.count,
        let unit = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16),
        bytes[index] != UInt8(ascii: "+"), bytes[index] != UInt8(ascii: "-"),
        let scalar = Unicode.Scalar(unit)
      else { throw failure(.malformed, "\\u takes four hexadecimal digits of one character") }
      guard unit >= 0x20, unit != 0x7F else {
        throw failure(.controlCharacter, "a control character in a text")
      }
      index += 4
      return Array(String(Character(scalar)).utf8)
    case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"),
      UInt8(ascii: "f"):
      throw failure(.controlCharacter, "a control character in a text")
    default: throw failure(.malformed, "no such escape")
    }
  }

  private mutating func number() throws(RoutingJSON.Failure) -> RoutingJSON {
    let start = index
    while let byte = peek, "+-.eE0123456789".utf8.contains(byte) { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    let digits = text.drop { $0 == "-" }
    guard digits.first?.isNumber == true, text.last?.isNumber == true,
      digits.count == 1 || !(digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true)
    else {
      index = start
      throw failure(.malformed, "this is no number")
    }
    return Int64(text).map { .integer($0) } ?? .otherNumber
  }

  private mutating func word(
    _ word: String, _ value: RoutingJSON
  ) throws(RoutingJSON.Failure) -> RoutingJSON {
    guard bytes[index...].starts(with: word.utf8) else {
      throw failure(.malformed, "no JSON value begins here")
    }
    index += word.utf8.count
    return value
  }

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      index += 1
    }
  }

  private mutating func descend() throws(RoutingJSON.Failure) {
    guard depth < RoutingJSON.depthMax else {
      throw failure(.tooDeep, "more than \(RoutingJSON.depthMax) levels of objects and lists")
    }
    depth += 1
    index += 1
  }

  private mutating func ascend(_ value: RoutingJSON) -> RoutingJSON {
    depth -= 1
    return value
  }

  private func failure(_ kind: RoutingJSON.Failure.Kind, _ what: String) -> RoutingJSON.Failure {
    let before = bytes[..<min(index, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let column = before.reversed().prefix { $0 != 0x0A }.count + 1
    return RoutingJSON.Failure(kind: kind, what: what, line: line, column: column)
  }
}
