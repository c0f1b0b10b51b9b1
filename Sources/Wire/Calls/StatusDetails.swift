package import GRPCCore

/// An error as the contracts describe it: a code, a reason from the operation's closed list, and
/// what helps the caller. Travels as google.rpc.Status in `grpc-status-details-bin`.
package struct StatusDetails: Error, Equatable, Sendable {
  /// Who defines the reasons.
  package static let domain = "tender"
  package static let metadataKey = "grpc-status-details-bin"
  /// Longest details that are read, in bytes.
  package static let bytesMax = 16 * 1024

  /// A refused field.
  package struct FieldViolation: Equatable, Sendable {
    /// Such as `entries[3].amount.currency`.
    package var field: String
    /// For people; never the value.
    package var description: String
    package var reason: String

    package init(field: String, description: String, reason: String = "") {
      self.field = field
      self.description = description
      self.reason = reason
    }
  }

  package var code: RPCError.Code
  /// For developers, in English; without secrets and without insides.
  package var message: String
  /// Such as `IDEMPOTENCY_KEY_REUSED`; empty for none.
  package var reason: String
  package var domain: String
  /// Facts about this failure, sorted by key when sent.
  package var metadata: [String: String]
  package var fieldViolations: [FieldViolation]
  package var retryAfterMilliseconds: Int64?

  package init(
    code: RPCError.Code, message: String, reason: String, domain: String = StatusDetails.domain,
    metadata: [String: String] = [:], fieldViolations: [FieldViolation] = [],
    retryAfterMilliseconds: Int64? = nil
  ) {
    self.code = code
    self.message = message
    self.reason = reason
    self.domain = domain
    self.metadata = metadata
    self.fieldViolations = fieldViolations
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }
}

// MARK: - google.rpc.Status

extension StatusDetails {
  /// The encoded google.rpc.Status.
  package func encode() -> [UInt8] {
    var details: [GoogleProtobuf.AnyValue] = []
    if !reason.isEmpty {
      let entries = metadata.sorted { $0.key < $1.key }
        .map { GoogleRPC.ErrorInfo.MetadataEntry(key: $0.key, value: $0.value) }
      details.append(
        .init(packing: GoogleRPC.ErrorInfo(reason: reason, domain: domain, metadata: entries)))
    }
    if !fieldViolations.isEmpty {
      let fields = fieldViolations.map { violation in
        GoogleRPC.BadRequest.FieldViolation(
          field: violation.field, description: violation.description, reason: violation.reason)
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
    guard let status = try? GoogleRPC.Status(decoding: bytes, limits: limits),
      let code = Status.Code(rawValue: Int(status.code)).flatMap(RPCError.Code.init)
    else { return nil }
    self.init(code: code, message: status.message, reason: "")
    for detail in status.details {
      if let info = detail.unpack(GoogleRPC.ErrorInfo.self) {
        reason = info.reason
        domain = info.domain
        metadata = Dictionary(info.metadata.map { ($0.key, $0.value) }) { _, last in last }
      } else if let request = detail.unpack(GoogleRPC.BadRequest.self) {
        fieldViolations = request.fieldViolations.map {
          FieldViolation(field: $0.field, description: $0.description, reason: $0.reason)
        }
      } else if let retry = detail.unpack(GoogleRPC.RetryInfo.self) {
        retryAfterMilliseconds = retry.retryDelay?.milliseconds
      }
    }
  }
}

// MARK: - RPCError

extension StatusDetails: RPCErrorConvertible {
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

  /// How a refused request is answered.
  package init(refusing error: WireError) {
    self.init(
      code: error.isTooLarge ? .resourceExhausted : .invalidArgument, message: error.explanation,
      reason: error.reason.rawValue)
    guard !error.path.isEmpty else { return }
    message = "\(error.path) \(error.explanation)"
    fieldViolations = [
      FieldViolation(
        field: error.path, description: error.explanation, reason: error.reason.rawValue)
    ]
  }
}

extension RPCError {
  /// INVALID_ARGUMENT or RESOURCE_EXHAUSTED with details.
  package init(refusing error: WireError) {
    self.init(StatusDetails(refusing: error))
  }
}
