internal import GRPCCore
internal import Reactor

/// A call's sending side.
struct OutboundState {
  enum End {
    /// A client has said all it had to say.
    case finished
    case status(Status, Metadata)
  }

  var body = OutboundBuffer()
  var hasHeaders = false
  /// nghttp2 was told to wait for more body.
  var isWaitingForBody = false
  /// How the body ends, once known.
  var end: End?
  /// END_STREAM was handed to nghttp2, or the stream is gone.
  var isEnded = false

  mutating func drop() {
    body.removeAll()
    isEnded = true
  }
}

extension Call {
  /// Takes a part to send.
  /// - Throws: `RPCError`: cancelled when the call is over, resourceExhausted for what is too
  ///   large, invalidArgument for metadata that cannot travel, internalError for a wrong order.
  func send(_ part: OutboundPart) throws(RPCError) {
    guard let connection, !outbound.isEnded, outbound.end == nil else {
      throw RPCError(code: .cancelled, message: "The call is over; nothing more can be sent.")
    }
    switch part {
    case .metadata(let metadata):
      guard !outbound.hasHeaders else {
        throw RPCError(code: .internalError, message: "Metadata was sent twice.")
      }
      try connection.sendHeaders(of: self, metadata)
      outbound.hasHeaders = true
    case .message(let bytes):
      guard outbound.hasHeaders else {
        throw RPCError(code: .internalError, message: "A message was sent before metadata.")
      }
      guard bytes.count <= limits.messageBytesMax else {
        throw FramingError.messageTooLarge(bytes: bytes.count, limit: limits.messageBytesMax)
          .refusal.error
      }
      outbound.body.append(message: bytes)
      resumeBody()
    case .status(let status, let metadata):
      finish(status: status, metadata)
    }
  }

  /// Whether the next writer must wait.
  var isCongested: Bool { outbound.body.count > limits.queuedBytesHigh && !isClosed }

  func waitForRoom(_ waiter: Waiter<Void>) {
    if isCongested {
      writers.append(waiter)
    } else {
      waiter.resume(.success(()))
    }
  }

  /// Ends the call with a status (server). Only the first end counts.
  func finish(status: Status, _ metadata: Metadata = [:]) {
    guard let connection, outbound.end == nil, !outbound.isEnded else { return }
    if outbound.hasHeaders {
      outbound.end = .status(status, metadata)
      resumeBody()
    } else {
      outbound.isEnded = true
      connection.sendTrailersOnly(of: self, status, metadata)
    }
    deadlineTimer?.cancel()
    deadlineTimer = nil
  }

  /// Ends the call over its handler's head (server).
  func finish(refusing refusal: CallRefusal) {
    finish(status: refusal.status, connection?.refusalDetails?(refusal) ?? [:])
  }

  /// The writer has no more to say. A server's call must have had its status by now.
  func finishWriting(_ error: (any Error)?) {
    guard !isClosed, outbound.end == nil, !outbound.isEnded else { return }
    if isServer {
      let code = (error as? RPCError)?.code ?? .internalError
      finish(refusing: CallRefusal(code, .internalError, "The handler ended without a status."))
    } else if let error {
      // The reader learns why too, unless the server's answer is already there.
      fail(error as? RPCError ?? RPCError(code: .unknown, message: "Writing failed.", cause: error))
    } else if !outbound.hasHeaders {
      fail(RPCError(code: .internalError, message: "The request has no metadata."))
    } else {
      outbound.end = .finished
      resumeBody()
    }
  }

  private func resumeBody() {
    guard let connection else { return }
    if outbound.isWaitingForBody {
      outbound.isWaitingForBody = false
      connection.resumeBody(of: self)
    }
    connection.scheduleFlush()
  }

  /// Fills a DATA frame. Called by the session when it can send one.
  func fillBody(_ buffer: UnsafeMutableRawBufferPointer) -> BodyChunk {
    let count = outbound.body.take(into: buffer)
    if outbound.body.count <= limits.queuedBytesHigh, !writers.isEmpty { resumeWriters() }
    guard outbound.body.isEmpty, let end = outbound.end, let connection else {
      if count > 0 { return .bytes(count) }
      outbound.isWaitingForBody = true
      return .wait
    }
    outbound.isEnded = true
    switch end {
    case .finished:
      return .end(count)
    case .status(let status, let metadata):
      connection.submitTrailers(of: self, status, metadata)
      return .endBeforeTrailers(count)
    }
  }

  private func resumeWriters() {
    let waiting = writers
    writers = []
    for writer in waiting { writer.resume(.success(())) }
  }

  /// The call's time is up.
  func expire() {
    let refusal = CallRefusal(.deadlineExceeded, .deadlineExceeded, "The deadline passed.")
    let error = refusal.error
    inbound.finish(.failed(error))
    if isServer {
      finish(refusing: refusal)
      failWriters(error)
      stopHandler?()
    } else {
      fail(error)
    }
  }

  /// Ends the call from this side, whatever the peer does (client).
  func fail(_ error: RPCError) {
    let connection = connection
    connection?.reset(self, .cancel)
    closed(error)
    connection?.forget(self)
  }
}
