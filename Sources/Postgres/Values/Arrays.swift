/// `[UInt8]` is bytea; every other array is PostgreSQL's one-dimensional array.
extension Array: PostgresEncodable where Element: PostgresArrayElement {
  package static var postgresType: TypeOID {
    Element.self == UInt8.self ? .bytea : Element.postgresArrayType
  }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    // Copied as memory: a cast would look at every byte.
    if Element.self == UInt8.self {
      withUnsafeBytes { buffer.append(contentsOf: $0) }
      return true
    }
    let lengthMark: Int32 = -1
    buffer.append(bigEndian: Int32(isEmpty ? 0 : 1))
    let nullFlagOffset = buffer.count
    buffer.append(bigEndian: Int32(0))
    buffer.append(bigEndian: Element.postgresType.rawValue)
    guard !isEmpty else { return true }
    buffer.append(bigEndian: Int32(count))
    buffer.append(bigEndian: Int32(1))
    for element in self {
      let offset = buffer.count
      buffer.append(bigEndian: lengthMark)
      guard element.encode(into: &buffer) else {
        buffer[nullFlagOffset + 3] = 1
        continue
      }
      let length = Int32(buffer.count - offset - 4)
      Swift.withUnsafeBytes(of: length.bigEndian) { bytes in
        for index in 0..<4 { buffer[offset + index] = bytes[index] }
      }
    }
    return true
  }
}

/// A byte is no array element of its own: `[UInt8]` is bytea as a whole.
extension UInt8: PostgresArrayElement {
  package static var postgresType: TypeOID { .bytea }
  package static var postgresArrayType: TypeOID { .bytea }

  package func encode(into buffer: inout [UInt8]) -> Bool {
    buffer.append(self)
    return true
  }
}

extension UInt8: PostgresDecodable {
  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    throw .mismatch(Self.self, type)
  }
}

/// `[[UInt8]]` is bytea[].
extension Array: PostgresArrayElement where Element == UInt8 {
  package static var postgresArrayType: TypeOID { .byteaArray }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
  package init(
    postgres bytes: UnsafeRawBufferPointer?,
    type: TypeOID
  ) throws(PostgresError) {
    guard let bytes else { throw .null(Self.self) }
    if Element.self == UInt8.self {
      guard type == .bytea else { throw .mismatch(Self.self, type) }
      self = Self(unsafeUninitializedCapacity: bytes.count) { content, count in
        UnsafeMutableRawBufferPointer(content).copyMemory(from: bytes)
        count = bytes.count
      }
      return
    }
    var reader = ByteReader(bytes)
    guard let dimensions = reader.integer(Int32.self), reader.integer(Int32.self) != nil,
      let elementType = reader.integer(UInt32.self).map(TypeOID.init)
    else { throw .malformed(Self.self) }
    guard dimensions > 0 else {
      self = []
      return
    }
    guard dimensions == 1, let count = reader.integer(Int32.self),
      reader.integer(Int32.self) != nil, count >= 0, reader.remaining >= Int(count) * 4
    else { throw .malformed(Self.self) }
    self = []
    reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let length = reader.integer(Int32.self) else { throw .malformed(Self.self) }
      guard length >= 0 else {
        append(try Element(postgres: nil, type: elementType))
        continue
      }
      guard let content = reader.slice(Int(length)) else { throw .malformed(Self.self) }
      append(try Element(postgres: content, type: elementType))
    }
  }
}
