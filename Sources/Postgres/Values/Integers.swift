extension Int16: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .int2 }
  package static var postgresArrayType: TypeOID { .int2Array }
}

extension Int32: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .int4 }
  package static var postgresArrayType: TypeOID { .int4Array }
}

extension Int64: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .int8 }
  package static var postgresArrayType: TypeOID { .int8Array }
}

/// Bound as bigint.
extension Int: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .int8 }
  package static var postgresArrayType: TypeOID { .int8Array }
}

extension PostgresEncodable where Self: FixedWidthInteger {
  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(bigEndian: self)
    return true
  }
}

extension PostgresDecodable where Self: FixedWidthInteger {
  /// Accepts smallint, integer, bigint, oid, and numeric without a fraction (`sum(bigint)` is
  /// numeric). A value out of range throws `.decoding`; nothing is ever cut.
  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    let value: Self?
    switch (type, bytes.count) {
    case (.int8, 8): value = Self(exactly: bytes.integer(as: Int64.self))
    case (.int4, 4): value = Self(exactly: bytes.integer(as: Int32.self))
    case (.int2, 2): value = Self(exactly: bytes.integer(as: Int16.self))
    case (.oid, 4): value = Self(exactly: bytes.integer(as: UInt32.self))
    case (.numeric, _): value = Numeric(bytes)?.integer.flatMap { Self(exactly: $0) }
    default: throw .mismatch(Self.self, type)
    }
    guard let value else { throw .malformed(Self.self) }
    self = value
  }
}

/// Bound as numeric; read from numeric without a fraction and from integers.
extension Int128: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .numeric }
  package static var postgresArrayType: TypeOID { .numericArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    Numeric.encode(self, into: &buffer)
    return true
  }
}
