import Foundation
import GatewayCore

/// A vendor's published description of one request, as far as a request can be checked against it.
///
/// Written as text, one request a block:
/// `POST /path/{id}`, then lines of `name kind [required] [limits]`. Kinds: `integer`, `boolean`,
/// `text`, `list` (of texts), `map` (of texts). Limits: `min=` and `max=` (the value of an integer,
/// the length of a text, of each element and of each value of a map), `count=` and `keys=` (entries
/// of a list or map, length of a map's keys), `in=a|b`. `header NAME` lines are headers, `query` says
/// that the fields are in the query. Nested fields: `a.b` in JSON, `a[b]` in forms.
struct PublishedShape: Sendable {
  struct Field: Sendable {
    var name: String
    var kind: String
    var isRequired = false
    var bounds = 0...Int.max
    var count = Int.max
    var keys = Int.max
    var values: [String] = []
  }

  var method: String
  var path: [String]
  var isQuery = false
  var headers: [Field] = []
  var fields: [Field] = []

  static func parse(_ text: String) -> [PublishedShape] {
    var shapes: [PublishedShape] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "GET" || words[0] == "POST" {
        let path = words[1].split(separator: "/").map(String.init)
        shapes.append(PublishedShape(method: words[0], path: path))
      } else if words[0] == "query" {
        shapes[shapes.count - 1].isQuery = true
      } else if words[0] == "header" {
        shapes[shapes.count - 1].headers.append(field(Array(words.dropFirst())))
      } else {
        shapes[shapes.count - 1].fields.append(field(words))
      }
    }
    return shapes
  }

  private static func field(_ words: [String]) -> Field {
    var field = Field(name: words[0], kind: words[1])
    for word in words.dropFirst(2) {
      let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
      switch pair[0] {
      case "required": field.isRequired = true
      case "min": field.bounds = (Int(pair[1]) ?? 0)...field.bounds.upperBound
      case "max": field.bounds = field.bounds.lowerBound...(Int(pair[1]) ?? 0)
      case "count": field.count = Int(pair[1]) ?? 0
      case "keys": field.keys = Int(pair[1]) ?? 0
      case "in": field.values = pair[1].split(separator: "|").map(String.init)
      default: preconditionFailure("unknown word \(word)")
      }
    }
    return field
  }

  func describes(_ request: GatewayRequest) -> Bool {
    let parts = (request.path.split(separator: "?").first ?? "").split(separator: "/")
    guard request.method.rawValue == method, parts.count == path.count else { return false }
    return zip(path, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
  }

  /// What of a request the vendor would refuse; empty when it is as published.
  func violations(_ request: GatewayRequest, credentials: GatewayRequest.Header) -> [String] {
    var found: [String] = []
    for header in headers {
      let values = (request.headers + [credentials]).filter { $0.name == header.name }.map(\.value)
      if values.isEmpty && header.isRequired { found.append("header \(header.name) is missing") }
      if values.count > 1 { found.append("header \(header.name) is there twice") }
      for value in values { found += Self.check(.text(value), header) }
    }
    let isForm = request.headers.contains {
      $0.name == "content-type" && $0.value == "application/x-www-form-urlencoded"
    }
    let entries: [Entry]
    if isQuery {
      if !request.body.isEmpty { found.append("a GET with a body") }
      entries = Self.form(String(request.path.split(separator: "?").dropFirst().first ?? ""))
    } else if isForm {
      entries = Self.form(String(decoding: request.body, as: UTF8.self))
    } else if request.body.isEmpty {
      entries = []
    } else {
      entries = Self.flat(request.body) ?? [Entry(name: "(no JSON)", key: nil, value: .other)]
    }
    return found + check(entries)
  }

  // MARK: Values

  enum Value {
    case text(String)
    /// Of a form, which has only texts.
    case form(String)
    case integer(Int)
    case boolean(Bool)
    case other
  }

  struct Entry {
    var name: String
    /// Of a map; "" of a list.
    var key: String?
    var value: Value
  }

  private func check(_ entries: [Entry]) -> [String] {
    var found: [String] = []
    for field in fields {
      let own = entries.filter { $0.name == field.name }
      if own.isEmpty && field.isRequired { found.append("\(field.name) is missing") }
      let isMany = field.kind == "list" || field.kind == "map"
      if own.count > (isMany ? field.count : 1) { found.append("\(field.name) is there too often") }
      if field.kind == "map", Set(own.map(\.key)).count != own.count {
        found.append("\(field.name) has a key twice")
      }
      for entry in own {
        if (entry.key != nil) != isMany { found.append("\(field.name) is nested otherwise") }
        if let key = entry.key, key.utf8.count > field.keys || (field.kind == "map" && key.isEmpty) {
          found.append("\(field.name)[\(key)] is no key")
        }
        found += Self.check(entry.value, field)
      }
    }
    let known = Set(fields.map(\.name))
    return found + entries.filter { !known.contains($0.name) }.map { "\($0.name) is unknown" }
  }

  private static func check(_ value: Value, _ field: Field) -> [String] {
    var number: Int?
    var text: String?
    switch (field.kind, value) {
    case ("integer", .integer(let integer)): number = integer
    case ("integer", .form(let digits)):
      guard let integer = Int(digits), String(integer) == digits else {
        return ["\(field.name) is no integer"]
      }
      number = integer
    case ("boolean", .boolean): break
    case ("boolean", .form("true")), ("boolean", .form("false")): break
    case ("text", .text(let own)), ("map", .text(let own)), ("text", .form(let own)),
      ("list", .form(let own)), ("map", .form(let own)):
      (number, text) = (own.utf8.count, own)
    default: return ["\(field.name) is of another type"]
    }
    if let number, !field.bounds.contains(number) { return ["\(field.name) is out of bounds"] }
    if let text, !field.values.isEmpty, !field.values.contains(text) {
      return ["\(field.name) is none of the published values"]
    }
    return []
  }

  /// `a=1&b[c]=2&d[]=3`; `b` counts as a map where the shape says so, else `b[c]` is a name.
  private static func form(_ text: String) -> [Entry] {
    text.split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0].removingPercentEncoding ?? "?"
      let value = parts.count == 2 ? parts[1].removingPercentEncoding ?? "?" : ""
      if name.hasPrefix("metadata["), name.hasSuffix("]") {
        let key = String(name.dropFirst("metadata[".count).dropLast())
        return Entry(name: "metadata", key: key, value: .form(value))
      }
      if name.hasSuffix("[]") {
        return Entry(name: String(name.dropLast(2)), key: "", value: .form(value))
      }
      return Entry(name: name, key: nil, value: .form(value))
    }
  }

  private static func flat(_ body: [UInt8]) -> [Entry]? {
    guard let object = try? JSONDecoder().decode([String: JSONValue].self, from: Data(body)) else {
      return nil
    }
    return object.flatMap { name, value -> [Entry] in
      guard name == "metadata" || name == "additionalData", case .object(let map) = value else {
        return leaves(name, value)
      }
      return map.map { Entry(name: name, key: $0.key, value: $0.value.leaf) }
    }
  }

  private static func leaves(_ name: String, _ value: JSONValue) -> [Entry] {
    guard case .object(let nested) = value else {
      return [Entry(name: name, key: nil, value: value.leaf)]
    }
    return nested.flatMap { leaves("\(name).\($0.key)", $0.value) }
  }
}

/// What JSON holds, without guesses between its types.
private enum JSONValue: Decodable {
  case object([String: JSONValue])
  case text(String)
  case integer(Int)
  case boolean(Bool)
  case other

  init(from decoder: any Decoder) throws {
    if let object = try? [String: JSONValue](from: decoder) {
      self = .object(object)
      return
    }
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else {
      self = .other
    }
  }

  var leaf: PublishedShape.Value {
    switch self {
    case .text(let text): .text(text)
    case .integer(let integer): .integer(integer)
    case .boolean(let boolean): .boolean(boolean)
    case .object, .other: .other
    }
  }
}
