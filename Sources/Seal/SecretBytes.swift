import COpenSSL

/// Bytes that must not be seen: they do not print, are not reflected, and are zeroed at the end of
/// their life. Shared by reference, never copied by accident.
package final class SecretBytes: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  package let count: Int
  // Written only in the initialisers and zeroed in deinit: immutable while shared.
  nonisolated(unsafe) private let storage: UnsafeMutableRawPointer
  private let release: @Sendable (UnsafeMutableRawPointer) -> Void

  init(
    count: Int,
    storage: UnsafeMutableRawPointer,
    release: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) {
    self.count = count
    self.storage = storage
    self.release = release
  }

  /// Lets `fill` write the bytes in place, so that no copy stays behind.
  package convenience init<E: Error>(
    count: Int,
    filledBy fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    let storage = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 16)
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 1))
    self.init(count: count, storage: storage) { $0.deallocate() }
    try fill(UnsafeMutableRawBufferPointer(start: storage, count: count))
  }

  /// Copies. The caller's array is not zeroed: for bytes that come from a file or a message.
  package convenience init(_ bytes: [UInt8]) {
    self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
  }

  /// The UTF-8 of a text, for secrets that are configured as text.
  package convenience init(text: String) { self.init(Array(text.utf8)) }

  /// Random bytes.
  /// - Throws: `unavailable`.
  package static func random(count: Int) throws(SealError) -> SecretBytes {
    try SecretBytes(count: count) { buffer throws(SealError) in
      guard seal_random(buffer.baseAddress, buffer.count) == 1 else { throw .unavailable }
    }
  }

  deinit {
    seal_cleanse(storage, count)
    release(storage)
  }

  /// The bytes, for the time of the call. They must not be kept.
  package func withBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: storage, count: count))
  }

  /// A copy that nobody zeroes: only where an interface demands an array.
  package func copyBytes() -> [UInt8] { withBytes { Array($0) } }

  package var description: String { "***" }
  package var debugDescription: String { "***" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
