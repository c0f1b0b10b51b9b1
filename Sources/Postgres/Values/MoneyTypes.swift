package import Money

extension EntityID: PostgresCodable, PostgresArrayElement {
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
    self.init(bits: try UUIDBits(postgres: bytes, type: type).bits)
  }
}

/// Bound as `char(3)`, so that an index on such a column is used.
extension Currency: PostgresCodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .bpchar }
  package static var postgresArrayType: TypeOID { .bpcharArray }

  package func encode(into buffer: inout [UInt8]) -> Bool { code.encode(into: &buffer) }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let currency = Currency(try String(postgres: bytes, type: type)) else {
      throw .malformed(Self.self)
    }
    self = currency
  }
}

extension IdempotencyKey: PostgresEncodable, PostgresArrayElement {
  package static var postgresType: TypeOID { .text }
  package static var postgresArrayType: TypeOID { .textArray }

  package func encode(into buffer: inout [UInt8]) -> Bool { text.encode(into: &buffer) }
}

/// Held as `timestamptz`. PostgreSQL's infinities are the extreme values.
extension Timestamp: PostgresCodable, PostgresArrayElement {
  /// From PostgreSQL's epoch, 2000-01-01, back to 1970-01-01.
  private static var epochOffsetMicroseconds: Int64 { 946_684_800_000_000 }

  package static var postgresType: TypeOID { .timestamptz }
  package static var postgresArrayType: TypeOID { .timestamptzArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    guard microseconds != .max else {
      buffer.append(bigEndian: Int64.max)
      return true
    }
    let (value, overflow) = microseconds.subtractingReportingOverflow(Self.epochOffsetMicroseconds)
    buffer.append(bigEndian: overflow ? .min : value)
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    guard type == .timestamptz || type == .timestamp, bytes.count == 8 else {
      throw .mismatch(Self.self, type)
    }
    let value = bytes.integer(as: Int64.self)
    guard value != .max, value != .min else {
      self.init(microseconds: value)
      return
    }
    let (sum, overflow) = value.addingReportingOverflow(Self.epochOffsetMicroseconds)
    guard !overflow else { throw .malformed(Self.self) }
    self.init(microseconds: sum)
  }
}

/// Held as `date`; the infinities and years outside 1 to 9999 are not readable.
extension CivilDate: PostgresCodable, PostgresArrayElement {
  /// Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
  private static var epochOffsetDays: Int { 10_957 }

  package static var postgresType: TypeOID { .date }
  package static var postgresArrayType: TypeOID { .dateArray }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(bigEndian: Int32(daysSince1970 - Self.epochOffsetDays))
    return true
  }

  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    guard type == .date, bytes.count == 4 else { throw .mismatch(Self.self, type) }
    let days = Int(bytes.integer(as: Int32.self)) + Self.epochOffsetDays
    let date = CivilDate(daysSince1970: days)
    guard 1...9999 ~= date.year else { throw .malformed(Self.self) }
    self = date
  }
}
