/// Rows on their way into a table, in the binary form of COPY. Values must be of the columns' own
/// types: COPY casts nothing.
package struct CopyRows: Sendable {
  /// A piece of rows is worth sending from here on.
  static let bytesWanted = 256 << 10
  /// A larger piece is refused.
  static let bytesMax = 8 << 20

  private(set) var bytes: [UInt8] = []
  package private(set) var count = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }
  /// More rows belong to another piece.
  package var isFull: Bool { bytes.count >= Self.bytesWanted }

  /// One row: its columns in the order of the target's.
  package mutating func append<each Value: PostgresEncodable>(_ values: repeat each Value) {
    let start = bytes.count
    var columns: Int16 = 0
    Self.append(columns, to: &bytes)
    for value in repeat each values {
      columns += 1
      let place = bytes.count
      Self.append(Int32(-1), to: &bytes)
      if value.encode(into: &bytes) {
        Self.put(Int32(bytes.count - place - 4), at: place, in: &bytes)
      }
    }
    Self.put(columns, at: start, in: &bytes)
    count += 1
  }

  /// Signature, flags and the length of an extension that there is not.
  static let header: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
  static let trailer: [UInt8] = [0xFF, 0xFF]

  private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func put(
    _ value: some FixedWidthInteger, at place: Int, in bytes: inout [UInt8]
  ) {
    withUnsafeBytes(of: value.bigEndian) {
      for (offset, byte) in $0.enumerated() { bytes[place + offset] = byte }
    }
  }
}
