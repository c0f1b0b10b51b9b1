/// What went wrong with a statement. Never holds a value of a parameter or of a row.
package struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    /// The server refused the statement; the transaction had no effect.
    case server(SQLState)
    /// The connection ended while the statement was out; see `mayHaveExecuted`.
    case connectionLost
    /// The connection ended during COMMIT: look before repeating.
    case commitUnknown
    /// Too many callers wait already; nothing was sent.
    case queueFull
    /// The deadline passed; see `mayHaveExecuted`.
    case timeout
    /// The task was cancelled before the statement was sent.
    case cancelled
    /// No connection could be had in time; nothing was sent.
    case unavailable
    /// COMMIT answered ROLLBACK: an earlier statement had failed, and the body hid it.
    case rolledBack
    /// A value of a row does not fit the type asked for.
    case decoding
    /// The client was used against its rules; nothing was sent.
    case misuse
    /// The client is shut down; nothing was sent.
    case shutDown
    /// A migration cannot be applied; `message` says why.
    case migration
  }

  package let code: Code
  /// Says what happened in one line, with names of columns and constraints, never with values.
  package let message: String
  /// The constraint that a row violated.
  package var constraint: String?
  package var table: String?
  package var column: String?
  /// True if the statement was sent and its effect is not known to be undone. A caller that must
  /// not repeat an effect looks before it tries again.
  package var mayHaveExecuted = false
  /// Preparing the statement again cures it; nothing was executed.
  var isStaleStatement = false

  package init(_ code: Code, _ message: String, mayHaveExecuted: Bool = false) {
    self.code = code
    self.message = message
    self.mayHaveExecuted = mayHaveExecuted
  }

  package var sqlState: SQLState? {
    guard case .server(let state) = code else { return nil }
    return state
  }

  /// True for the violation of a unique constraint; of that one, if a name is given.
  package func isUniqueViolation(of name: String? = nil) -> Bool {
    sqlState == .uniqueViolation && (name == nil || constraint == name)
  }

  package var description: String {
    switch code {
    case .server(let state): "PostgreSQL \(state): \(message)"
    default: "\(code): \(message)"
    }
  }
}
