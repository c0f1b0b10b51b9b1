internal import GRPCCore
internal import Reactor

/// What calls send through their connection.
extension Connection {
  /// Opens a call (client). Its headers go out with its metadata.
  func makeCall(_ method: MethodDescriptor, deadline: Deadline?) -> Call {
    let call = Call(connection: self)
    call.method = method
    call.response = ResponseHeadParser(limits: limits)
    call.deadline = deadline
    if let deadline {
      call.deadlineTimer = loop.schedule(after: deadline.remaining) { call.expire() }
    }
    return call
  }

  /// - Throws: `RPCError`: invalidArgument, resourceExhausted (too large for the peer), unavailable.
  func sendHeaders(of call: Call, _ metadata: Metadata) throws(RPCError) {
    guard let session, state != .closed else {
      throw RPCError(code: .unavailable, message: "The connection is gone.")
    }
    scratchHeaders.removeAll()
    if role == .server {
      scratchHeaders.add(":status", "200")
      scratchHeaders.add("content-type", "application/grpc")
    } else {
      addRequestHeaders(call, metadata)
    }
    try addMetadata(metadata)
    do {
      if role == .server {
        try session.submitResponse(stream: call.stream, scratchHeaders, hasBody: true)
      } else {
        call.stream = try session.submitRequest(scratchHeaders)
        calls[call.stream] = call
      }
    } catch {
      throw RPCError(code: .unavailable, message: "The call cannot be sent: \(error).")
    }
    scheduleFlush()
  }

  private func addMetadata(_ metadata: Metadata) throws(RPCError) {
    do {
      try MetadataCoding.encode(
        metadata, into: &scratchHeaders, skipping: role == .client ? "grpc-timeout" : nil)
    } catch {
      throw error.error
    }
    guard scratchHeaders.listSize <= headerListLimit else {
      throw RPCError(code: .resourceExhausted, message: "The metadata is larger than the limit.")
    }
  }

  private var headerListLimit: Int {
    min(limits.headerListBytesMax, session?.peerHeaderListBytesMax ?? .max)
  }

  private func addRequestHeaders(_ call: Call, _ metadata: Metadata) {
    scratchHeaders.add(":method", "POST")
    scratchHeaders.add(":scheme", "https")
    if let method = call.method {
      scratchHeaders.addPath(
        service: method.service.fullyQualifiedService, method: method.method)
    }
    scratchHeaders.add(":authority", authority.utf8)
    scratchHeaders.add("te", "trailers")
    scratchHeaders.add("content-type", "application/grpc")
    // GRPCCore says a call's own timeout in metadata; the task's deadline may be earlier.
    let timeout = metadata[stringValues: "grpc-timeout"].first { _ in true }
      .flatMap { GRPCTimeout.parse(Array($0.utf8)) }
    let remaining = call.deadline?.remaining.wholeNanoseconds
    if let left = timeout.map({ min($0, remaining ?? $0) }) ?? remaining {
      let name: StaticString = "grpc-timeout"
      let value = GRPCTimeout.format(nanoseconds: left)
      name.withUTF8Buffer { scratchHeaders.add($0, value.utf8, isSensitive: true) }
    }
  }

  // MARK: - The end of a response

  /// Ends a call that has sent nothing yet, by one header block.
  func sendTrailersOnly(of call: Call, _ status: Status, _ metadata: Metadata) {
    attempt { session throws(HTTP2Error) in
      fillTrailers(status, metadata, isOnly: true)
      try session.submitResponse(stream: call.stream, scratchHeaders, hasBody: false)
    }
  }

  /// Ends a call after its body. Called from within the session.
  func submitTrailers(of call: Call, _ status: Status, _ metadata: Metadata) {
    attempt { session throws(HTTP2Error) in
      fillTrailers(status, metadata, isOnly: false)
      try session.submitTrailers(stream: call.stream, scratchHeaders)
    }
  }

  /// Answers what is not gRPC.
  func sendHTTPStatus(of call: Call, _ status: StaticString) {
    call.outbound.isEnded = true
    attempt { session throws(HTTP2Error) in
      scratchHeaders.removeAll()
      scratchHeaders.add(":status", status)
      try session.submitResponse(stream: call.stream, scratchHeaders, hasBody: false)
    }
  }

  private func fillTrailers(_ status: Status, _ metadata: Metadata, isOnly: Bool) {
    beginTrailers(status, isOnly: isOnly)
    do {
      try addMetadata(metadata)
    } catch {
      // The caller must learn of it: its status said something that cannot be sent.
      beginTrailers(Status(code: .internalError, message: error.message), isOnly: isOnly)
    }
  }

  private func beginTrailers(_ status: Status, isOnly: Bool) {
    scratchHeaders.removeAll()
    if isOnly {
      scratchHeaders.add(":status", "200")
      scratchHeaders.add("content-type", "application/grpc")
    }
    if status.code == .ok {
      scratchHeaders.add("grpc-status", "0")
    } else {
      scratchHeaders.add("grpc-status", "\(status.code.rawValue)".utf8)
    }
    if !status.message.isEmpty {
      let message = PercentEncoding.encode(status.message).prefix(limits.headerListBytesMax / 2)
      scratchHeaders.add("grpc-message", message)
    }
  }

  // MARK: - Streams

  func resumeBody(of call: Call) {
    session?.resume(stream: call.stream)
  }

  /// Resets a call's stream, if it has one.
  func reset(_ call: Call, _ code: HTTP2ErrorCode) {
    guard call.stream != 0 else { return }
    attempt { session throws(HTTP2Error) in
      try session.reset(stream: call.stream, code)
    }
  }

  func consume(_ call: Call, bytes: Int) {
    guard let session, state != .closed else { return }
    session.consume(stream: call.stream, bytes: bytes)
    if session.wantsOutput { scheduleFlush() }
  }

  /// The call is over on this side; what the peer still says of it is ignored.
  func forget(_ call: Call) {
    guard calls.removeValue(forKey: call.stream) != nil else { return }
    streamEnded()
  }

  func streamEnded() {
    if calls.isEmpty {
      timers.becameIdle(now: loop.now.nanoseconds)
      if state == .draining, role == .client {
        scheduleFlush()
        if awaitsDrainPing == false { share.nextTurn { [weak self] in self?.closeIfDrained() } }
      }
    }
  }

  private func closeIfDrained() {
    if state == .draining, calls.isEmpty { close("drained") }
  }
}
