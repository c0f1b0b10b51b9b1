/// A PostgreSQL error code: five of 0-9 and A-Z.
package struct SQLState: Sendable, Hashable, CustomStringConvertible {
  package let code: String

  package init(_ code: String) {
    self.code = code
  }

  package var description: String { code }

  /// The first two characters, PostgreSQL's classes of errors.
  package var category: Substring { code.prefix(2) }

  package static let notNullViolation = SQLState("23502")
  package static let foreignKeyViolation = SQLState("23503")
  package static let uniqueViolation = SQLState("23505")
  package static let checkViolation = SQLState("23514")
  package static let exclusionViolation = SQLState("23P01")
  package static let inFailedTransaction = SQLState("25P02")
  package static let unknownPreparedStatement = SQLState("26000")
  package static let serializationFailure = SQLState("40001")
  package static let deadlockDetected = SQLState("40P01")
  package static let insufficientPrivilege = SQLState("42501")
  package static let undefinedTable = SQLState("42P01")
  package static let numericOutOfRange = SQLState("22003")
  package static let characterNotInRepertoire = SQLState("22021")
  package static let lockNotAvailable = SQLState("55P03")
  package static let queryCanceled = SQLState("57014")
  package static let adminShutdown = SQLState("57P01")
  package static let featureNotSupported = SQLState("0A000")
  package static let raisedException = SQLState("P0001")

  /// The whole transaction may be repeated: it had no effect, and another try may succeed.
  package var isRetryable: Bool { self == .serializationFailure || self == .deadlockDetected }
}
