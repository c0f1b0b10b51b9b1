/// Bound as `text`. A column of type char(n) keeps its index only against its own type: bind such a
/// value as `CharText`, or write `\(code)::char(3)`.
extension String: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .text }
  package static var postgresArrayType: TypeOID { .textArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(contentsOf: utf8)
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard var bytes else { throw .null(Self.self) }
    switch type {
    case .text, .varchar, .bpchar, .name, .unknown, .json: break
    case .jsonb: bytes = try JSONText.content(of: bytes)
    default: throw .mismatch(Self.self, type)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed(Self.self) }
    self = text
  }
}

/// A string bound as `char(n)`, such as a currency code.
package struct CharText: Sendable, Hashable, PostgresEncodable, PostgresArrayElement {
  package let text: String

  package init(_ text: String) {
    self.text = text
  }

  package static var postgresType: TypeOID { .bpchar }
  package static var postgresArrayType: TypeOID { .bpcharArray }

  package func encode(into buffer: inout [UInt8]) -> Bool { text.encode(into: &buffer) }
}

/// A JSON document, held as `jsonb`; also read from `json`.
package struct JSONText: Sendable, Hashable, PostgresCodable, PostgresArrayElement {
  private static let binaryVersion: UInt8 = 1

  package var text: String

  package init(_ text: String) {
    self.text = text
  }

  package static var postgresType: TypeOID { .jsonb }
  package static var postgresArrayType: TypeOID { .jsonbArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(Self.binaryVersion)
    return text.encode(into: &buffer)
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard type == .jsonb || type == .json else { throw .mismatch(Self.self, type) }
    text = try String(postgres: bytes, type: type)
  }

  static func content(
    of bytes: UnsafeRawBufferPointer
  ) throws(PostgresError) -> UnsafeRawBufferPointer {
    guard bytes.first == binaryVersion else { throw .malformed(JSONText.self) }
    return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
  }
}
