/// A Swift value that can be bound to a parameter, in PostgreSQL's binary form.
package protocol PostgresEncodable: Sendable {
  /// The type that the parameter is declared as. PostgreSQL casts from it where it must.
  static var postgresType: TypeOID { get }

  /// Appends the binary form without its length. Returns false for SQL null (nothing appended).
  func encode(into buffer: inout [UInt8]) -> Bool
}

/// A Swift value that can be read from a column in PostgreSQL's binary form.
package protocol PostgresDecodable: Sendable {
  /// - Parameter bytes: the column's bytes, nil for SQL null; valid during the call only.
  /// - Throws: `.decoding` if the type or the value does not fit.
  init(postgres bytes: UnsafeRawBufferPointer?, type: TypeOID) throws(PostgresError)
}

package typealias PostgresCodable = PostgresEncodable & PostgresDecodable

/// A value that can stand in an array parameter or column.
package protocol PostgresArrayElement: PostgresEncodable {
  static var postgresArrayType: TypeOID { get }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
  package static var postgresType: TypeOID { Wrapped.postgresType }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    switch self {
    case .none: false
    case .some(let value): value.encode(into: &buffer)
    }
  }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {
  package static var postgresArrayType: TypeOID { Wrapped.postgresArrayType }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else {
      self = .none
      return
    }
    self = .some(try Wrapped(postgres: bytes, type: type))
  }
}

extension PostgresError {
  /// A column of `type` cannot be read as `wanted`.
  static func mismatch(_ wanted: Any.Type, _ type: TypeOID) -> PostgresError {
    PostgresError(.decoding, "a column of type \(type.rawValue) is not readable as \(wanted)")
  }

  static func null(_ wanted: Any.Type) -> PostgresError {
    PostgresError(.decoding, "null is not readable as \(wanted)")
  }

  static func malformed(_ wanted: Any.Type) -> PostgresError {
    PostgresError(.decoding, "a value does not fit \(wanted)")
  }
}
