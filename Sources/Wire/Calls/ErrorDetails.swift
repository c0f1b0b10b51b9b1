package import GRPCCore

/// An error as the contracts describe it: a code, a reason from the operation's closed list, and
/// what helps the caller. Travels as google.rpc.Status in `grpc-status-details-bin`.
package struct ErrorDetails: Equatable, Sendable {
  /// Who defines the reasons.
  package static let domain = "tender"
  package static let metadataKey = "grpc-status-details-bin"
  /// Longest details that are read, in bytes.
  package static let bytesMax = 16 * 1024

  /// A refused field.
  package struct Violation: Equatable, Sendable {
    /// Such as `entries[3].amount.currency`.
    package var field: String
    package var reason: String
    package var explanation: String

    package init(field: String, reason: String, explanation: String) {
      self.field = field
      self.reason = reason
      self.explanation = explanation
    }
  }

  package var code: RPCError.Code
  /// For developers, in English; without secrets and without insides.
  package var message: String
  /// Such as `IDEMPOTENCY_KEY_REUSED`.
  package var reason: String
  /// Facts about this failure, sorted by key when sent.
  package var facts: [String: String]
  package var violations: [Violation]
  package var retryAfterMilliseconds: Int64?

  package init(
    _ code: RPCError.Code, reason: String, message: String, facts: [String: String] = [:],
    violations: [Violation] = [], retryAfterMilliseconds: Int64? = nil
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.facts = facts
    self.violations = violations
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }
}

// MARK: - google.rpc.Status

extension ErrorDetails {
  /// The encoded google.rpc.Status.
  package func encode() -> [UInt8] {
    var details: [GoogleProtobuf.AnyValue] = []
    if !reason.isEmpty {
      let metadata = facts.sorted { $0.key < $1.key }
        .map { GoogleRPC.ErrorInfo.MetadataEntry(key: $0.key, value: $0.value) }
      details.append(
        .init(packing: GoogleRPC.ErrorInfo(reason: reason, domain: Self.domain, metadata: metadata)))
    }
    if !violations.isEmpty {
      let fields = violations.map { violation in
        GoogleRPC.BadRequest.FieldViolation(
          field: violation.field, description: violation.explanation, reason: violation.reason)
      }
      details.append(.init(packing: GoogleRPC.BadRequest(fieldViolations: fields)))
    }
    if let retryAfterMilliseconds {
      let delay = GoogleProtobuf.Duration(milliseconds: retryAfterMilliseconds)
      details.append(.init(packing: GoogleRPC.RetryInfo(retryDelay: delay)))
    }
    return GoogleRPC.Status(code: Int32(code.rawValue), message: message, details: details).encode()
  }

  /// Nil when the bytes are no google.rpc.Status of an error. Details of other types are skipped.
  package init?(decoding bytes: [UInt8]) {
    let limits = WireLimits(bytesMax: Self.bytesMax)
    guard let status = try? GoogleRPC.Status(decoding: bytes, limits: limits, strict: false),
      let code = Status.Code(rawValue: Int(status.code)).flatMap(RPCError.Code.init)
    else { return nil }
    self.init(code, reason: "", message: status.message)
    for detail in status.details {
      if let info = detail.unpack(GoogleRPC.ErrorInfo.self) {
        reason = info.reason
        facts = Dictionary(info.metadata.map { ($0.key, $0.value) }) { _, last in last }
      } else if let request = detail.unpack(GoogleRPC.BadRequest.self) {
        violations = request.fieldViolations.map {
          Violation(field: $0.field, reason: $0.reason, explanation: $0.description)
        }
      } else if let retry = detail.unpack(GoogleRPC.RetryInfo.self) {
        retryAfterMilliseconds = retry.retryDelay?.milliseconds
      }
    }
  }
}

// MARK: - RPCError

extension ErrorDetails: RPCErrorConvertible {
  package var rpcErrorCode: RPCError.Code { code }
  package var rpcErrorMessage: String { message }
  package var rpcErrorMetadata: Metadata {
    var metadata = Metadata()
    metadata.addBinary(encode(), forKey: Self.metadataKey)
    return metadata
  }

  /// The details that a server sent with an error; nil when there are none.
  package init?(_ error: RPCError) {
    guard let bytes = error.metadata[binaryValues: Self.metadataKey].first(where: { _ in true }),
      bytes.count <= Self.bytesMax
    else { return nil }
    self.init(decoding: bytes)
  }
}

extension ErrorDetails {
  /// How a refused request is answered.
  package init(refusing error: WireError) {
    switch error.reason {
    case .messageTooLong, .memoryExhausted:
      self.init(.resourceExhausted, reason: error.reason.rawValue, message: error.explanation)
    case .malformed:
      self.init(.invalidArgument, reason: error.reason.rawValue, message: error.explanation)
    default:
      self.init(
        .invalidArgument, reason: error.reason.rawValue,
        message: "\(error.path) \(error.explanation)",
        violations: [
          Violation(
            field: error.path, reason: error.reason.rawValue, explanation: error.explanation)
        ])
    }
  }
}

extension RPCError {
  /// INVALID_ARGUMENT or RESOURCE_EXHAUSTED with details.
  package init(refusing error: WireError) {
    self.init(ErrorDetails(refusing: error))
  }
}
