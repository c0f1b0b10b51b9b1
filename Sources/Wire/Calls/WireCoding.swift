package import GRPCCore

/// Encodes requests and responses for GRPCCore.
package struct WireSerializer<Message: WireMessage>: MessageSerializer {
  package init() {}

  /// - Throws: RESOURCE_EXHAUSTED for a message longer than its methods allow.
  package func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
    try message.encoding { size, pack in
      guard size <= Message.bytesMax else {
        throw RPCError(
          code: .resourceExhausted,
          message: "\(Message.fullName) has \(size) bytes; at most \(Message.bytesMax) are sent")
      }
      var bytes = Bytes(repeating: 0, count: size)
      bytes.withUnsafeMutableBytes { buffer in pack(buffer) }
      return bytes
    }
  }
}

/// Decodes a method's requests strictly: every rule of the contract holds for what a handler sees.
package struct WireRequestDeserializer<Message: WireMessage>: MessageDeserializer {
  private let limits: WireLimits

  /// The limits are the method's own.
  package init(_ method: MethodDescriptor) {
    let rules = MethodRules.table[method.fullyQualifiedMethod]
    limits = WireLimits(bytesMax: rules?.requestBytesMax ?? messageBytesDefault)
  }

  /// - Throws: INVALID_ARGUMENT with the field's path, or RESOURCE_EXHAUSTED.
  package func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
    let result = bytes.withUnsafeBytes { buffer in
      Message.decode(buffer, limits: limits, strict: true)
    }
    switch result {
    case .success(let message): return message
    case .failure(let error): throw RPCError(refusing: error)
    }
  }
}

/// Decodes responses tolerantly: the server may be newer.
package struct WireResponseDeserializer<Message: WireMessage>: MessageDeserializer {
  package init() {}

  /// - Throws: INTERNAL for a response that cannot be decoded, RESOURCE_EXHAUSTED for one too large.
  package func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
    let limits = WireLimits(bytesMax: Message.bytesMax)
    let result = bytes.withUnsafeBytes { buffer in
      Message.decode(buffer, limits: limits, strict: false)
    }
    switch result {
    case .success(let message): return message
    case .failure(let error):
      throw RPCError(
        code: error.reason == .malformed ? .internalError : .resourceExhausted,
        message: "\(Message.fullName): \(error.explanation)")
    }
  }
}
