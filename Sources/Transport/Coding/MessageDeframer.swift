/// Why bytes cannot be gRPC messages.
enum FramingError: Error, Hashable {
  /// The compression flag was set, though no compression was offered.
  case compressed
  /// The flag byte was neither 0 nor 1.
  case invalidFlag(UInt8)
  /// A message announced more bytes than the limit.
  case messageTooLarge(bytes: Int, limit: Int)
  /// The stream ended within a message.
  case truncated
}

/// Cuts a stream of bytes into length-prefixed messages: 1 byte flag, 4 bytes length, message.
/// A length above the limit is refused when announced; nothing is reserved for it.
struct MessageDeframer {
  /// Bytes of flag and length before each message.
  static let prefixLength = 5

  private let limit: Int
  private var prefix: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
  private var prefixCount = 0
  private var message: [UInt8] = []
  private var announced = 0

  init(limit: Int) {
    self.limit = limit
  }

  /// Whether the stream may end here.
  var isBetweenMessages: Bool { prefixCount == 0 }

  /// Takes bytes and hands out each message that they complete.
  /// - Throws: `FramingError`; the deframer is of no use afterwards.
  mutating func append(
    _ input: UnsafeRawBufferPointer, _ complete: ([UInt8]) -> Void
  ) throws(FramingError) {
    var rest = input[...]
    while !rest.isEmpty {
      if prefixCount < Self.prefixLength {
        try takePrefix(&rest)
        guard prefixCount == Self.prefixLength else { return }
      }
      takeMessage(&rest)
      if message.count == announced {
        let finished = message
        message = []
        announced = 0
        prefixCount = 0
        complete(finished)
      }
    }
  }

  private mutating func takePrefix(
    _ rest: inout Slice<UnsafeRawBufferPointer>
  ) throws(FramingError) {
    let count = min(Self.prefixLength - prefixCount, rest.count)
    withUnsafeMutableBytes(of: &prefix) { bytes in
      for offset in 0..<count { bytes[prefixCount + offset] = rest[rest.startIndex + offset] }
    }
    prefixCount += count
    rest = rest.dropFirst(count)
    if prefix.0 == 1 { throw .compressed }
    if prefix.0 != 0 { throw .invalidFlag(prefix.0) }
    guard prefixCount == Self.prefixLength else { return }
    announced =
      Int(prefix.1) << 24 | Int(prefix.2) << 16 | Int(prefix.3) << 8 | Int(prefix.4)
    if announced > limit { throw .messageTooLarge(bytes: announced, limit: limit) }
    // Room only for what has come: a peer pays for memory with bytes.
    message.reserveCapacity(min(announced, rest.count))
  }

  private mutating func takeMessage(_ rest: inout Slice<UnsafeRawBufferPointer>) {
    let count = min(announced - message.count, rest.count)
    guard count > 0 else { return }
    message.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
    rest = rest.dropFirst(count)
  }
}
