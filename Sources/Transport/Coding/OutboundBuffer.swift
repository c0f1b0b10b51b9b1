/// Framed messages of one stream that wait for the peer's window.
struct OutboundBuffer {
  /// Spent bytes are dropped when they reach this many; keeps copying linear.
  private static let compactionBytes = 32 * 1024

  private var bytes: [UInt8] = []
  private var start = 0

  /// Bytes not yet taken.
  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  /// Adds a message behind its length prefix.
  /// - Precondition: the message is below 4 GiB; callers check their limit first.
  mutating func append(message: [UInt8]) {
    let length = UInt32(message.count)
    bytes.reserveCapacity(bytes.count + message.count + MessageDeframer.prefixLength)
    bytes.append(0)
    bytes.append(UInt8(truncatingIfNeeded: length >> 24))
    bytes.append(UInt8(truncatingIfNeeded: length >> 16))
    bytes.append(UInt8(truncatingIfNeeded: length >> 8))
    bytes.append(UInt8(truncatingIfNeeded: length))
    bytes.append(contentsOf: message)
  }

  /// Moves up to the target's size into it and returns how many bytes.
  mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
    let taken = min(count, target.count)
    guard taken > 0 else { return 0 }
    bytes.withUnsafeBytes { source in
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + taken]))
    }
    start += taken
    if start == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.count <= Self.compactionBytes)
      start = 0
    } else if start >= Self.compactionBytes {
      bytes.removeFirst(start)
      start = 0
    }
    return taken
  }

  mutating func removeAll() {
    bytes = []
    start = 0
  }
}
