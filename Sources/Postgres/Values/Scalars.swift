extension Bool: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .bool }
  package static var postgresArrayType: TypeOID { .boolArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(self ? 1 : 0)
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    guard type == .bool, bytes.count == 1 else { throw .mismatch(Self.self, type) }
    self = bytes[0] != 0
  }
}

extension Double: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .float8 }
  package static var postgresArrayType: TypeOID { .float8Array }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(bigEndian: bitPattern)
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    switch (type, bytes.count) {
    case (.float8, 8): self = Double(bitPattern: bytes.integer(as: UInt64.self))
    case (.float4, 4): self = Double(Float(bitPattern: bytes.integer(as: UInt32.self)))
    default: throw .mismatch(Self.self, type)
    }
  }
}

/// 128 bits held as `uuid`. Every entity id is one.
package struct UUIDBits: Sendable, Hashable, PostgresCodable, PostgresArrayElement {
  // Halves, for the reason given at `EntityID`.
  private var high: UInt64
  private var low: UInt64

  package init(_ bits: UInt128) {
    high = UInt64(truncatingIfNeeded: bits >> 64)
    low = UInt64(truncatingIfNeeded: bits)
  }

  package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

  package static var postgresType: TypeOID { .uuid }
  package static var postgresArrayType: TypeOID { .uuidArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(bigEndian: bits)
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    guard type == .uuid, bytes.count == 16 else { throw .mismatch(Self.self, type) }
    self.init(bytes.integer())
  }
}
