package import GRPCCore

/// Why a server's transport answers a call itself: before its handler began, or over its head.
package struct CallRefusal: Error, Sendable, Hashable {
  /// From the list of what every method may answer.
  package enum Reason: String, Sendable, CaseIterable {
    case metadataTooLarge = "METADATA_TOO_LARGE"
    case metadataInvalid = "METADATA_INVALID"
    case compressionUnsupported = "COMPRESSION_UNSUPPORTED"
    case methodUnknown = "METHOD_UNKNOWN"
    case messageTooLong = "MESSAGE_TOO_LONG"
    case messageMalformed = "MESSAGE_MALFORMED"
    case deadlineExceeded = "DEADLINE_EXCEEDED"
    case internalError = "INTERNAL"
  }

  /// What goes with the status to the caller, such as the reason as google.rpc.Status. Whoever makes
  /// the transport says it: messages are not encoded here.
  package typealias Details = @Sendable (CallRefusal) -> Metadata

  package let code: RPCError.Code
  package let reason: Reason
  /// What happened and what to do; never a value that the caller sent.
  package let message: String

  init(_ code: RPCError.Code, _ reason: Reason, _ message: String) {
    self.code = code
    self.reason = reason
    self.message = message
  }

  var status: Status { Status(code: Status.Code(code), message: message) }
  var error: RPCError { RPCError(code: code, message: message) }

  /// Compression is never agreed on, so messages are what their bytes say.
  static let compressed = CallRefusal(
    .unimplemented, .compressionUnsupported, "Compression is not supported: send messages as they are.")
}

extension FramingError {
  var refusal: CallRefusal {
    switch self {
    case .compressed: .compressed
    case .invalidFlag:
      CallRefusal(.internalError, .messageMalformed, "The message framing is invalid.")
    case .messageTooLarge(let bytes, let limit):
      CallRefusal(
        .resourceExhausted, .messageTooLong,
        "A message of \(bytes) bytes exceeds the limit of \(limit).")
    case .truncated:
      CallRefusal(.internalError, .messageMalformed, "The stream ended within a message.")
    }
  }
}
