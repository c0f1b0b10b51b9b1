/// What a statement returned. Values are decoded when they are asked for.
package struct Rows: Sequence, Sendable {
  let result: ResultSet

  /// Rows returned.
  package var count: Int { result.rowCount }
  package var isEmpty: Bool { result.rowCount == 0 }
  /// Rows inserted, updated, deleted or returned.
  package var affected: Int { result.affected }

  package var first: Row? { isEmpty ? nil : Row(result: result, index: 0) }

  package subscript(index: Int) -> Row {
    precondition(index >= 0 && index < count, "row \(index) of \(count)")
    return Row(result: result, index: index)
  }

  package func makeIterator() -> Iterator { Iterator(result: result) }

  package struct Iterator: IteratorProtocol {
    let result: ResultSet
    private var index = 0

    init(result: ResultSet) {
      self.result = result
    }

    package mutating func next() -> Row? {
      guard index < result.rowCount else { return nil }
      defer { index += 1 }
      return Row(result: result, index: index)
    }
  }

  /// The only row.
  /// - Throws: `.decoding` if there is none or more than one.
  package func single() throws(PostgresError) -> Row {
    guard let first, count == 1 else {
      throw PostgresError(.decoding, "one row expected, \(count) returned")
    }
    return first
  }

  /// Every row as a tuple: `try rows.decode((Int64, String?).self)`.
  package func decode<each T: PostgresDecodable>(
    _ types: (repeat each T).Type
  ) throws(PostgresError) -> [(repeat each T)] {
    var decoded: [(repeat each T)] = []
    decoded.reserveCapacity(count)
    for row in self { decoded.append(try row.decode(types)) }
    return decoded
  }

  /// The first column of every row.
  package func column<T: PostgresDecodable>(
    as type: T.Type = T.self
  ) throws(PostgresError) -> [T] {
    var decoded: [T] = []
    decoded.reserveCapacity(count)
    for row in self { decoded.append(try row[0, as: type]) }
    return decoded
  }
}

/// One row. Keeps the whole result alive.
package struct Row: Sendable {
  let result: ResultSet
  let index: Int

  package var count: Int { result.columnCount }

  /// - Throws: `.decoding` if there is no such column, or its value does not fit.
  package subscript<T: PostgresDecodable>(column: Int, as type: T.Type) -> T {
    get throws(PostgresError) {
      guard column >= 0, column < result.columnCount else {
        throw PostgresError(.decoding, "no column \(column), the row has \(result.columnCount)")
      }
      return try T(
        postgres: result.bytes(row: index, column: column),
        type: result.type(of: column)
      )
    }
  }

  /// By name: convenient, and slower than by position.
  package subscript<T: PostgresDecodable>(name: String, as type: T.Type) -> T {
    get throws(PostgresError) {
      guard let column = result.column(named: name) else {
        throw PostgresError(.decoding, "no column \(name)")
      }
      return try self[column, as: type]
    }
  }

  /// The columns from the left as a tuple: `try row.decode((Int64, String?, UUIDBits).self)`.
  package func decode<each T: PostgresDecodable>(
    _ types: (repeat each T).Type
  ) throws(PostgresError) -> (repeat each T) {
    var column = 0
    return (repeat try next((each T).self, &column))
  }

  private func next<T: PostgresDecodable>(
    _ type: T.Type,
    _ column: inout Int
  ) throws(PostgresError) -> T {
    defer { column += 1 }
    return try self[column, as: type]
  }
}
