internal import CTLS

/// TLS over one non-blocking socket. Confined to the thread of its driver; does not own the socket.
final class TLSConnection {
  enum Step: Hashable {
    case done
    case wantsRead
    case wantsWrite
    /// The peer closed, orderly or not.
    case closed
    /// See `failureText`.
    case failed
  }

  private let handle: OpaquePointer
  /// Keeps the settings alive.
  private let context: TLSContext

  /// - Throws: `TLSError` when memory ran out.
  init(context: TLSContext, fd: Int32) throws(TLSError) {
    guard let handle = ctls_connection_new(context.handle, fd) else {
      throw TLSError(description: "TLS: no memory for a connection")
    }
    self.handle = handle
    self.context = context
  }

  deinit {
    ctls_connection_free(handle)
  }

  func handshake() -> Step {
    Self.step(ctls_handshake(handle))
  }

  /// Reads into the buffer; with `done`, `count` bytes are there.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> (step: Step, count: Int) {
    var count = 0
    let result = ctls_read(handle, buffer.baseAddress, buffer.count, &count)
    return (Self.step(result), count)
  }

  /// Writes some of the bytes; with `done`, `count` of them are taken.
  func write(_ bytes: UnsafeRawBufferPointer) -> (step: Step, count: Int) {
    guard bytes.count > 0 else { return (.done, 0) }
    var count = 0
    let result = ctls_write(handle, bytes.baseAddress, bytes.count, &count)
    return (Self.step(result), count)
  }

  func sendCloseNotify() {
    ctls_close_notify(handle)
  }

  /// Whether bytes taken from the socket wait here, where epoll does not see them.
  var hasPending: Bool { ctls_has_pending(handle) }

  var agreedOnHTTP2: Bool { ctls_is_h2(handle) }

  /// Why the last step failed; names no secret.
  var failureText: String {
    var message = [CChar](repeating: 0, count: 256)
    ctls_connection_error(handle, &message, message.count)
    return TLSContext.text(message)
  }

  /// Who the peer is: its certificate's one URI name. Read it once, after the handshake.
  /// - Throws: `TLSError` for no name, several, or one of another form.
  func readPeerIdentity() throws(TLSError) -> PeerIdentity {
    var name = [UInt8](repeating: 0, count: 256)
    var length = 0
    let count = name.withUnsafeMutableBytes { buffer in
      ctls_peer_uri(
        handle, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count, &length)
    }
    guard count == 1 else {
      throw TLSError(description: "the peer's certificate has \(max(count, 0)) URI names, not one")
    }
    guard length > 0, let identity = PeerIdentity(uri: String(decoding: name[..<length], as: UTF8.self))
    else { throw TLSError(description: "the peer's URI name is not one of ours") }
    return identity
  }

  private static func step(_ result: ctls_result) -> Step {
    switch result {
    case CTLS_OK: .done
    case CTLS_WANT_READ: .wantsRead
    case CTLS_WANT_WRITE: .wantsWrite
    case CTLS_CLOSED: .closed
    default: .failed
    }
  }
}
