import CPostgres

/// Owns one libpq result. It is read-only once libpq has handed it out, so any thread may read it.
final class ResultSet: @unchecked Sendable {
  private let pointer: OpaquePointer
  let rowCount: Int
  let columnCount: Int

  init(_ pointer: OpaquePointer) {
    self.pointer = pointer
    rowCount = Int(PQntuples(pointer))
    columnCount = Int(PQnfields(pointer))
  }

  deinit {
    PQclear(pointer)
  }

  /// Rows that the command changed or returned; 0 for commands without a count.
  var affected: Int {
    guard let text = PQcmdTuples(pointer) else { return 0 }
    return Int(String(cString: text)) ?? 0
  }

  /// The command's tag, such as `COMMIT`.
  var commandTag: String {
    guard let text = PQcmdStatus(pointer) else { return "" }
    return String(cString: text)
  }

  func column(named name: String) -> Int? {
    let index = PQfnumber(pointer, "\"" + name + "\"")
    return index < 0 ? nil : Int(index)
  }

  func type(of column: Int) -> TypeOID { TypeOID(rawValue: PQftype(pointer, Int32(column))) }

  /// The column's bytes, nil for null; valid as long as the result lives.
  func bytes(row: Int, column: Int) -> UnsafeRawBufferPointer? {
    let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
    guard let value = PQgetvalue(pointer, row, column) else { return nil }
    let length = PQgetlength(pointer, row, column)
    // libpq gives an empty string for null as well.
    if length == 0, PQgetisnull(pointer, row, column) == 1 { return nil }
    return UnsafeRawBufferPointer(start: value, count: Int(length))
  }
}
