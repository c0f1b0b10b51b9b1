internal import CWire

/// A message of the contracts as a Swift value, encoded and decoded through protobuf-c.
///
/// Conformances are generated from `proto/`.
package protocol WireMessage: Equatable, Sendable {
  /// The name in the contracts: `tender.intents.v1.PaymentIntent`.
  static var fullName: String { get }
  /// Largest encoding in bytes: the largest that any method names for this message.
  static var bytesMax: Int { get }
  /// protobuf-c's descriptor.
  static var layout: UnsafeRawPointer { get }

  /// Decodes one message. Generated, so that each type has its own compiled code.
  static func decoded(
    from buffer: UnsafeRawBufferPointer, limits: WireLimits, strict: Bool
  ) throws(WireError) -> Self
  /// The canonical encoding: fields in the order of their numbers, defaults left out.
  func encode() -> [UInt8]
  /// Copies protobuf-c's form. Nothing refers to it afterwards.
  init(reading pointer: UnsafeRawPointer, _ reader: MessageReader) throws(WireError)
  /// Builds protobuf-c's form, its parts in the writer's arena.
  func write(to pointer: UnsafeMutableRawPointer, _ writer: MessageWriter)
  /// The fields of the JSON object.
  func writeFields(to json: inout JSONWriter)
  /// The whole JSON value; an object of the fields unless the format defines another.
  func writeValue(to json: inout JSONWriter)
}

/// An enum of the contracts. Numbers of newer contracts survive as `unrecognized`.
package protocol WireEnum: Hashable, Sendable, CaseIterable {
  init(rawValue: Int32)
  var rawValue: Int32 { get }
  /// The name in the contract; nil for a value of a newer one.
  var protoName: String? { get }
}

/// The size of a message whose method names none.
package let messageBytesDefault = 65_536

extension WireMessage {
  package static var bytesMax: Int { messageBytesDefault }
}

/// Bounds on the decoding of one message.
package struct WireLimits: Sendable, Equatable {
  /// Largest encoding in bytes.
  package var bytesMax: Int
  /// Most memory for the decoded form in bytes: small encodings can unfold into large messages.
  package var memoryMax: Int

  /// How much more memory than its largest encoding a message may take.
  package static let amplificationMax = 8

  package init(bytesMax: Int) {
    self.bytesMax = bytesMax
    memoryMax = bytesMax * Self.amplificationMax
  }
}

extension WireMessage {
  // MARK: Decoding

  /// Decodes one message.
  ///
  /// - Parameters:
  ///   - limits: By default those of the message.
  ///   - strict: For requests: every rule of the contract is checked. Responses and stored messages
  ///     are read tolerantly, since they may come from newer peers.
  /// - Throws: `WireError`: `messageTooLong`, `malformed`, `memoryExhausted`, and in strict decoding
  ///   the first broken rule in the order of the contract's fields.
  package init(
    decoding bytes: [UInt8], limits: WireLimits? = nil, strict: Bool = false
  ) throws(WireError) {
    let limits = limits ?? WireLimits(bytesMax: Self.bytesMax)
    let bytes = bytes.span.bytes
    self = try bytes.withUnsafeBytes { buffer throws(WireError) in
      try Self.decoded(from: buffer, limits: limits, strict: strict)
    }
  }
}

// MARK: - Called by the generated code, which makes them concrete

@inline(__always)
func decodeMessage<M: WireMessage>(
  _ buffer: UnsafeRawBufferPointer, _ limits: WireLimits, _ strict: Bool
) throws(WireError) -> M {
  guard buffer.count <= limits.bytesMax else { throw WireError(.messageTooLong) }
  var arena = WireArena()
  wire_arena_init(&arena, limits.memoryMax)
  defer { wire_arena_destroy(&arena) }
  let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
  guard let unpacked = wire_unpack(M.layout, &arena, buffer.count, start) else {
    throw WireError(arena.exhausted ? .memoryExhausted : .malformed)
  }
  return try M(reading: unpacked, MessageReader(strict: strict))
}

@inline(__always)
func encodeMessage<M: WireMessage>(_ message: M) -> [UInt8] {
  var arena = WireArena()
  // A value of ours is bounded by the memory that it takes already.
  wire_arena_init(&arena, Int.max / 2)
  defer { wire_arena_destroy(&arena) }
  return withUnsafeMutablePointer(to: &arena) { arena in
    let root = MessageWriter(arena: arena).root(message)
    let size = wire_packed_size(root)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      if let start = buffer.baseAddress { count = wire_pack(root, start) }
    }
  }
}
