package import GRPCCore
package import Transport
import Wire

/// A refusal that callers can act on: a status code, a reason from the operation's closed list, a
/// sentence for people. It travels as google.rpc.Status details (ErrorInfo, BadRequest, RetryInfo).
///
/// A failure never carries a value that the caller sent, nor anything of the service's insides.
package struct RPCFailure: Error, Sendable, Hashable {
  package var code: RPCError.Code
  /// Upper snake case, for example `PAYMENT_INTENT_NOT_FOUND`.
  package var reason: String
  /// What happened and what to do, in words.
  package var message: String
  /// The request's field the failure is about, as a path; empty when it is not about a field.
  package var field: String
  /// Facts for programs, for example the current and the allowed states.
  package var metadata: [String: String]
  /// When trying again makes sense.
  package var retryAfterMilliseconds: Int64?

  package init(
    _ code: RPCError.Code, _ reason: String, _ message: String, field: String = "",
    metadata: [String: String] = [:], retryAfterMilliseconds: Int64? = nil
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.field = field
    self.metadata = metadata
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  /// A field of the request breaks a rule.
  package static func invalid(_ field: String, _ reason: String, _ message: String) -> RPCFailure {
    RPCFailure(.invalidArgument, reason, message, field: field)
  }

  package static func notFound(_ reason: String, _ message: String) -> RPCFailure {
    RPCFailure(.notFound, reason, message)
  }

  package static func failedPrecondition(
    _ reason: String, _ message: String, metadata: [String: String] = [:]
  ) -> RPCFailure {
    RPCFailure(.failedPrecondition, reason, message, metadata: metadata)
  }

  /// Something of ours broke. Says nothing about it; the log does.
  package static let internalError = RPCFailure(
    .internalError, "INTERNAL", "Tender could not do this. The service's log says why.")

  /// The service cannot work right now, for example without its database.
  package static func unavailable(_ message: String) -> RPCFailure {
    RPCFailure(.unavailable, "UNAVAILABLE", message, retryAfterMilliseconds: 1000)
  }
}

extension RPCFailure {
  /// A refusal of the transport as all others are: what it answers before a handler has its reason too.
  package init(_ refusal: CallRefusal) {
    self.init(refusal.code, refusal.reason.rawValue, refusal.message)
  }

  package static let refusalDetails: CallRefusal.Details = { RPCFailure($0).rpcErrorMetadata }
}

extension RPCFailure: RPCErrorConvertible {
  package var rpcErrorCode: RPCError.Code { code }
  package var rpcErrorMessage: String { message }
  package var rpcErrorMetadata: Metadata { details.rpcErrorMetadata }
  package var rpcErrorCause: (any Error)? { nil }

  /// google.rpc.Status, encoded.
  package var statusDetails: [UInt8] { details.encode() }

  private var details: StatusDetails {
    StatusDetails(
      code: code, message: message, reason: reason, metadata: metadata,
      fieldViolations: field.isEmpty
        ? [] : [.init(field: field, description: message, reason: reason)],
      retryAfterMilliseconds: retryAfterMilliseconds)
  }
}
