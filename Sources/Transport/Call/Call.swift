internal import GRPCCore
internal import Reactor

/// One call's stream, on either side: what has come in, what goes out, and who waits for either.
///
/// Confinement rule: touched on the loop only. `CallReader` and `CallWriter` check the thread and
/// move over when they are not on it.
final class Call: @unchecked Sendable {
  let loop: EventLoop
  let limits: TransportLimits
  let isServer: Bool
  /// Nil once the stream is closed.
  private(set) var connection: Connection?
  /// 0 until a client's headers are submitted.
  var stream: Int32 = 0
  /// What is called (client).
  var method: MethodDescriptor?

  /// Finds another connection when this one drains before anything was sent (client).
  var reacquire: (@Sendable () async throws -> Connection)?

  // What comes in.
  var request: RequestHeadParser?
  var response: ResponseHeadParser?
  var inbound = InboundQueue()
  private var deframer: MessageDeframer
  /// Bytes received on the stream for which its window has not been reopened.
  private var unconsumed = 0
  private var reader: Waiter<InboundPart?>?

  // What goes out.
  var outbound = OutboundState()
  var writers: [Waiter<Void>] = []

  /// Stops the handler (server); set when it starts.
  var stopHandler: (() -> Void)?
  var deadlineTimer: TimerToken?
  var deadline: Deadline?

  init(connection: Connection) {
    self.connection = connection
    loop = connection.loop
    limits = connection.limits
    isServer = connection.role == .server
    deframer = MessageDeframer(limit: connection.limits.messageBytesMax)
  }

  var isClosed: Bool { connection == nil }

  /// Whether the connection went away before the call's headers were sent: nothing is lost, the
  /// call moves to another.
  var needsConnection: Bool {
    guard !isServer, stream == 0, let connection else { return false }
    return connection.state != .open
  }

  func move(to connection: Connection) {
    guard self.connection != nil else { return }
    self.connection = connection
  }

  // MARK: - From the connection

  /// Bytes of messages arrived.
  func received(_ bytes: UnsafeRawBufferPointer) {
    unconsumed += bytes.count
    guard !inbound.hasEnded else {
      consume(bytes.count)
      return
    }
    do {
      try deframer.append(bytes) { inbound.add(message: $0) }
    } catch {
      refuseInbound(error)
    }
    serveReader()
  }

  /// The client will send nothing more (server).
  func receivedEnd() {
    guard !inbound.hasEnded else { return }
    if deframer.isBetweenMessages {
      inbound.finish(.finished)
    } else {
      refuseInbound(.truncated)
    }
    serveReader()
  }

  func received(metadata: Metadata) {
    inbound.add(metadata: metadata)
    serveReader()
  }

  /// The server ended the call (client).
  func received(status: Status, metadata: Metadata) {
    if status.code == .ok, !deframer.isBetweenMessages {
      inbound.finish(.failed(FramingError.truncated.refusal.error))
    } else {
      inbound.finish(.status(status, metadata))
    }
    serveReader()
    failWriters(RPCError(code: .cancelled, message: "The server has ended the call."))
  }

  /// The stream is gone; nothing is sent or received any more.
  func closed(_ error: RPCError) {
    guard connection != nil else { return }
    connection = nil
    deadlineTimer?.cancel()
    deadlineTimer = nil
    let handlerIsLost = !outbound.isEnded || !inbound.hasEnded
    inbound.finish(.failed(error))
    outbound.drop()
    serveReader()
    failWriters(error)
    if handlerIsLost { stopHandler?() }
    stopHandler = nil
    reacquire = nil
  }

  private func refuseInbound(_ error: FramingError) {
    inbound.finish(.failed(error.refusal.error))
    if isServer {
      finish(refusing: error.refusal)
      stopHandler?()
    } else {
      connection?.reset(self, .cancel)
    }
  }

  // MARK: - To the reader

  /// The next part if it is there. Reopens the window by what is taken.
  func poll() -> InboundQueue.Next {
    let next = inbound.next()
    if case .part(.message(let bytes)) = next {
      consume(bytes.count + MessageDeframer.prefixLength)
    }
    return next
  }

  func read(_ waiter: Waiter<InboundPart?>) {
    guard reader == nil || reader?.isCancelled == true else {
      waiter.resume(
        .failure(RPCError(code: .internalError, message: "Two tasks read from one call.")))
      return
    }
    reader = waiter
    serveReader()
  }

  private func serveReader() {
    guard let waiter = reader else { return }
    guard !waiter.isCancelled else {
      reader = nil
      return
    }
    switch poll() {
    case .nothingYet:
      // The reader waits for the rest of a message: let it come.
      consume(unconsumed)
      return
    case .part(let part): waiter.resume(.success(part))
    case .end: waiter.resume(.success(nil))
    case .failed(let error): waiter.resume(.failure(error))
    }
    reader = nil
  }

  private func consume(_ bytes: Int) {
    let count = min(bytes, unconsumed)
    guard count > 0 else { return }
    unconsumed -= count
    connection?.consume(self, bytes: count)
  }

  func failWriters(_ error: RPCError) {
    let waiting = writers
    writers = []
    for writer in waiting { writer.resume(.failure(error)) }
  }
}
