internal import Money

extension WireMessage {
  /// The message as proto3 JSON: names in lower camel case, 64-bit numbers as strings, enums by name.
  ///
  /// - Parameters:
  ///   - includingDefaults: Writes fields without presence even when they hold their default.
  ///   - pretty: One field a line, two spaces deeper a level.
  package func jsonText(includingDefaults: Bool = false, pretty: Bool = false) -> String {
    var json = JSONWriter(includesDefaults: includingDefaults, isPretty: pretty)
    writeValue(to: &json)
    return json.text
  }

  package func writeValue(to json: inout JSONWriter) {
    json.object { json in writeFields(to: &json) }
  }
}

/// Writes JSON text piece by piece.
package struct JSONWriter {
  private(set) var text = ""
  private let includesDefaults: Bool
  private let isPretty: Bool
  private var depth = 0
  /// Whether the next element of the open object or list follows another.
  private var needsComma = false

  init(includesDefaults: Bool, isPretty: Bool) {
    self.includesDefaults = includesDefaults
    self.isPretty = isPretty
  }

  // MARK: Structure

  mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

  private mutating func enclose(
    _ open: String, _ close: String, _ body: (inout JSONWriter) -> Void
  ) {
    text += open
    depth += 1
    needsComma = false
    body(&self)
    depth -= 1
    if needsComma { newline() }
    text += close
    needsComma = true
  }

  private mutating func newline() {
    if isPretty { text += "\n" + String(repeating: "  ", count: depth) }
  }

  private mutating func element(_ body: (inout JSONWriter) -> Void) {
    if needsComma { text += "," }
    newline()
    body(&self)
    needsComma = true
  }

  private mutating func named(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
    element { json in
      json.text += "\"\(name)\":" + (json.isPretty ? " " : "")
      body(&json)
    }
  }

  private mutating func list<Element>(
    _ name: StaticString, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
  ) {
    guard includesDefaults || !elements.isEmpty else { return }
    named(name) { json in
      json.enclose("[", "]") { json in
        for value in elements { json.element { body(&$0, value) } }
      }
    }
  }

  // MARK: Fields, called by the generated code

  mutating func field<Value: JSONValue>(_ name: StaticString, _ value: Value) {
    if includesDefaults || !value.isDefault { field(name, present: value) }
  }

  mutating func field<Value: JSONValue>(_ name: StaticString, _ value: Value?) {
    if let value { field(name, present: value) }
  }

  mutating func field<Value: JSONValue>(_ name: StaticString, _ values: [Value]) {
    list(name, values) { $1.write(to: &$0) }
  }

  mutating func field<Value: JSONValue>(_ name: StaticString, present value: Value) {
    named(name) { value.write(to: &$0) }
  }

  mutating func field(_ name: StaticString, _ value: [UInt8]) {
    if includesDefaults || !value.isEmpty { field(name, present: value) }
  }

  mutating func field(_ name: StaticString, _ value: [UInt8]?) {
    if let value { field(name, present: value) }
  }

  mutating func field(_ name: StaticString, _ values: [[UInt8]]) {
    list(name, values) { $0.base64($1) }
  }

  mutating func field(_ name: StaticString, present value: [UInt8]) {
    named(name) { $0.base64(value) }
  }

  mutating func field<M: WireMessage>(_ name: StaticString, _ value: M?) {
    if let value { field(name, present: value) }
  }

  mutating func field<M: WireMessage>(_ name: StaticString, _ values: [M]) {
    list(name, values) { $1.writeValue(to: &$0) }
  }

  mutating func field<M: WireMessage>(_ name: StaticString, present value: M) {
    named(name) { value.writeValue(to: &$0) }
  }

  mutating func field<E: WireEnum>(_ name: StaticString, _ value: E) {
    if includesDefaults || value.rawValue != 0 { field(name, present: value) }
  }

  mutating func field<E: WireEnum>(_ name: StaticString, _ value: E?) {
    if let value { field(name, present: value) }
  }

  mutating func field<E: WireEnum>(_ name: StaticString, _ values: [E]) {
    list(name, values) { $0.enumeration($1) }
  }

  mutating func field<E: WireEnum>(_ name: StaticString, present value: E) {
    named(name) { $0.enumeration(value) }
  }

  // MARK: Values

  fileprivate mutating func raw(_ value: some CustomStringConvertible) { text += value.description }

  private mutating func enumeration(_ value: some WireEnum) {
    if let name = value.protoName { string(name) } else { raw(value.rawValue) }
  }

  mutating func string(_ value: String) { JSONQuoting.append(value, to: &text) }

  mutating func base64(_ bytes: [UInt8]) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group = UInt32(0)
      for offset in 0..<3 {
        group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0)
      }
      for position in 0..<4 {
        let index = Int(group >> (18 - 6 * UInt32(position)) & 63)
        output.append(position <= count ? alphabet[index] : UInt8(ascii: "="))
      }
    }
    text += "\"" + String(decoding: output, as: UTF8.self) + "\""
  }

  fileprivate mutating func floating(_ value: some BinaryFloatingPoint & CustomStringConvertible) {
    if value.isNaN {
      string("NaN")
    } else if value.isInfinite {
      string(value < 0 ? "-Infinity" : "Infinity")
    } else {
      raw(value)
    }
  }
}

/// A scalar of proto3 JSON.
package protocol JSONValue {
  var isDefault: Bool { get }
  func write(to json: inout JSONWriter)
}

extension Bool: JSONValue {
  package func write(to json: inout JSONWriter) { json.raw(self) }
}

extension Int32: JSONValue {
  package func write(to json: inout JSONWriter) { json.raw(self) }
}

extension UInt32: JSONValue {
  package func write(to json: inout JSONWriter) { json.raw(self) }
}

extension Int64: JSONValue {
  package func write(to json: inout JSONWriter) { json.string(description) }
}

extension UInt64: JSONValue {
  package func write(to json: inout JSONWriter) { json.string(description) }
}

extension Float: JSONValue {
  package func write(to json: inout JSONWriter) { json.floating(self) }
}

extension Double: JSONValue {
  package func write(to json: inout JSONWriter) { json.floating(self) }
}

extension String: JSONValue {
  package func write(to json: inout JSONWriter) { json.string(self) }
}
