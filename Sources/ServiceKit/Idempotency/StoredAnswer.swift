package import GRPCCore
import Wire

/// The answer of a finished mutation, as it is stored and given again.
package enum StoredAnswer: Sendable, Hashable {
  /// The encoded response message.
  case response([UInt8])
  /// A decline or a refusal by a business rule.
  case refusal(StoredRefusal)
}

package struct StoredRefusal: Error, Sendable, Hashable {
  package var code: RPCError.Code
  package var message: String
  /// google.rpc.Status, encoded.
  package var details: [UInt8]

  package init(code: RPCError.Code, message: String, details: [UInt8]) {
    self.code = code
    self.message = message
    self.details = details
  }
}

extension StoredRefusal: RPCErrorConvertible {
  package var rpcErrorCode: RPCError.Code { code }
  package var rpcErrorMessage: String { message }
  package var rpcErrorMetadata: Metadata {
    var metadata: Metadata = [:]
    metadata.addBinary(details, forKey: StatusDetails.metadataKey)
    return metadata
  }
  package var rpcErrorCause: (any Error)? { nil }
}

extension RPCFailure {
  /// Whether the refusal is the outcome of the operation, and so its stored answer, or something
  /// that was refused before execution and may be tried again with the same key (DESIGN section 7).
  package var isOutcome: Bool {
    switch code {
    case .notFound, .alreadyExists, .failedPrecondition, .outOfRange: true
    default: false
    }
  }
}
