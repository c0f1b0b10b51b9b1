import GRPCCore
import Logging
import Postgres

/// What a database error means to a caller, and what the log says of it.
enum ErrorTranslation {
  static func failure(_ error: PostgresError, logger: Logger, method: String) -> RPCFailure {
    switch error.code {
    case .connectionLost, .unavailable, .shutDown, .commitUnknown:
      logger.warning(
        "the database is not reachable", metadata: ["method": "\(method)", "error": "\(error)"])
      return .unavailable("The service cannot reach its database. Try again with the same key.")
    case .queueFull:
      return RPCFailure(
        .resourceExhausted, "OVERLOADED", "Too many requests wait for the database.",
        retryAfterMilliseconds: 500)
    case .timeout:
      return RPCFailure(.deadlineExceeded, "DEADLINE_EXCEEDED", "The database took too long.")
    case .cancelled:
      return RPCFailure(.cancelled, "CANCELLED", "The call was cancelled.")
    case .server(let state) where state.isRetryable:
      return RPCFailure(
        .aborted, "CONTENTION", "Other requests changed the same rows. Try again.",
        retryAfterMilliseconds: 100)
    case .server(.lockNotAvailable):
      return RPCFailure(
        .aborted, "CONTENTION", "Something longer holds what this needs. Try again later.",
        retryAfterMilliseconds: 2_000)
    case .server(.queryCanceled):
      return RPCFailure(.deadlineExceeded, "DEADLINE_EXCEEDED", "The database took too long.")
    case .server, .rolledBack, .decoding, .misuse, .migration:
      logger.error("a statement failed", metadata: ["method": "\(method)", "error": "\(error)"])
      return .internalError
    }
  }
}
