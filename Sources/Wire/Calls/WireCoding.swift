package import GRPCCore

/// Encodes requests and responses for GRPCCore.
package struct WireSerializer<Message: WireMessage>: MessageSerializer {
  package init() {}

  /// - Throws: RESOURCE_EXHAUSTED for a message longer than its methods allow.
  package func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
    let encoded = message.encode()
    guard encoded.count <= Message.bytesMax else {
      throw RPCError(
        code: .resourceExhausted,
        message: "\(Message.fullName) has \(encoded.count) bytes; "
          + "at most \(Message.bytesMax) are sent")
    }
    var bytes = Bytes(repeating: 0, count: encoded.count)
    bytes.withUnsafeMutableBytes { $0.copyBytes(from: encoded) }
    return bytes
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
    do {
      return try bytes.withUnsafeBytes { buffer in
        try Message.decoded(from: buffer, limits: limits, strict: true)
      }
    } catch let error as WireError {
      throw RPCError(refusing: error)
    }
  }
}

/// Decodes responses tolerantly: the server may be newer.
package struct WireResponseDeserializer<Message: WireMessage>: MessageDeserializer {
  package init() {}

  /// - Throws: INTERNAL for a response that cannot be decoded, RESOURCE_EXHAUSTED for one too large.
  package func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
    let limits = WireLimits(bytesMax: Message.bytesMax)
    do {
      return try bytes.withUnsafeBytes { buffer in
        try Message.decoded(from: buffer, limits: limits, strict: false)
      }
    } catch let error as WireError {
      throw RPCError(
        code: error.reason == .malformed ? .internalError : .resourceExhausted,
        message: "\(Message.fullName): \(error.explanation)")
    }
  }
}
