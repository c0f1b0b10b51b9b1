/// The fields of an error or notice as the server sent them.
struct ServerFields {
  var severity = ""
  var state = SQLState("XX000")
  var primary = ""
  var constraint: String?
  var table: String?
  var column: String?

  /// The server ends the connection with this message.
  var isFatal: Bool { severity == "FATAL" || severity == "PANIC" }

  /// A cached plan does not fit the table any more, or the statement is gone: preparing again
  /// cures it, and nothing was executed.
  var isStaleStatement: Bool {
    state == .unknownPreparedStatement
      || (state == .featureNotSupported && primary.hasPrefix("cached plan"))
  }

  /// - Parameter verbatim: keeps the server's own text: only for SQL without values (migrations).
  func error(verbatim: Bool = false) -> PostgresError {
    var error = PostgresError(.server(state), verbatim ? primary : safeMessage)
    error.constraint = constraint
    error.table = table
    error.column = column
    error.isStaleStatement = isStaleStatement
    return error
  }

  /// The server's primary text may quote values ("invalid input syntax for type integer: ..."), so
  /// it is kept only for classes that speak of names, the connection or the server alone.
  private var safeMessage: String {
    switch state.category {
    case "08", "28", "3D", "42", "53", "55", "57": return primary
    default: break
    }
    var text = Self.conditions[state.code] ?? Self.classes[String(state.category)] ?? "error"
    if let constraint { text += " of \(constraint)" }
    if let table { text += " in \(table)" }
    if let column { text += ", column \(column)" }
    return text
  }

  private static let conditions: [String: String] = [
    "22001": "string too long", "22003": "number out of range", "22008": "date out of range",
    "22012": "division by zero", "22021": "character not in repertoire",
    "22P02": "invalid text representation", "22P03": "invalid binary representation",
    "23502": "null in a not-null column", "23503": "foreign key violation",
    "23505": "unique violation", "23514": "check violation", "23P01": "exclusion violation",
    "25P02": "transaction already failed", "26000": "prepared statement is gone",
    "40001": "serialization failure", "40P01": "deadlock detected",
    "P0001": "raised by the database",
  ]

  private static let classes: [String: String] = [
    "0A": "feature not supported", "21": "more than one row", "22": "invalid data",
    "23": "integrity violation", "25": "invalid transaction state", "40": "transaction rolled back",
    "44": "check option violation", "54": "limit of the server exceeded", "58": "system error",
    "P0": "raised by the database", "XX": "internal error of the server",
  ]
}
