internal import GRPCCore
internal import Reactor

/// What the session tells: dispatched to calls.
extension Connection: HTTP2SessionDelegate {
  func session(beganHeaders stream: Int32) {
    if role == .client {
      calls[stream]?.response?.begin()
      return
    }
    // A second block on a stream is a request's trailers, which say nothing in gRPC.
    guard calls[stream] == nil else { return }
    let call = Call(connection: self)
    call.stream = stream
    call.request = owner.flatMap { ($0 as? any RequestReceiver)?.makeParser() }
    calls[stream] = call
  }

  func session(
    header name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, stream: Int32
  ) {
    guard let call = calls[stream] else { return }
    if role == .server {
      call.request?.add(name, value)
    } else {
      call.response?.add(name, value)
    }
  }

  func session(endedHeaders stream: Int32, isEndOfStream: Bool) {
    guard let call = calls[stream] else { return }
    if role == .server {
      if let parser = call.request {
        call.request = nil
        begin(call, parser)
      }
      if isEndOfStream { call.receivedEnd() }
      return
    }
    switch call.response?.finish(isEndOfStream: isEndOfStream) {
    case .informational, nil: break
    case .metadata(let metadata): call.received(metadata: metadata)
    case .status(let status, let metadata):
      call.received(status: status, metadata: metadata)
      if !isEndOfStream { reset(call, .cancel) }
    }
  }

  /// Hands a request to its handler, or refuses it.
  private func begin(_ call: Call, _ parser: RequestHeadParser) {
    guard handlerCount < limits.concurrentStreamsMax * 2 else {
      // Cancelled calls' handlers still run: a peer must not start more by resetting.
      reset(call, .refusedStream)
      return
    }
    do {
      let head = try parser.finish()
      call.received(metadata: head.metadata)
      owner?.connection(self, received: call, head)
    } catch {
      call.inbound.finish(.finished)
      switch error {
      case .status(let refusal): call.finish(refusing: refusal)
      case .http(let status): sendHTTPStatus(of: call, status)
      }
    }
  }

  func session(data: UnsafeRawBufferPointer, stream: Int32) {
    // The connection's window is reopened at once, so that one slow reader does not stop the
    // others; what may wait is bounded by the streams' windows.
    session?.consumeConnection(bytes: data.count)
    calls[stream]?.received(data)
  }

  func session(endedData stream: Int32) {
    calls[stream]?.receivedEnd()
  }

  func session(sentEndOf stream: Int32) {
    guard role == .server, let call = calls[stream], !call.inbound.hasEnded else { return }
    // The answer is complete; what the client still says is not needed.
    attempt { session throws(HTTP2Error) in try session.reset(stream: stream, .noError) }
  }

  func session(closed stream: Int32, code: UInt32) {
    guard let call = calls.removeValue(forKey: stream) else { return }
    var status = StatusCoding.status(resetCode: code)
    if role == .client, state == .draining, code == HTTP2ErrorCode.internalError.rawValue {
      // nghttp2's way to say that the headers came too late for a peer that drains.
      status = Status(code: .unavailable, message: "The connection drains; the call was not sent.")
    }
    call.closed(
      RPCError(status: status) ?? RPCError(code: .internalError, message: status.message))
    streamEnded()
  }

  func session(bodyOf stream: Int32, into buffer: UnsafeMutableRawBufferPointer) -> BodyChunk {
    calls[stream]?.fillBody(buffer) ?? .end(0)
  }

  func session(goAway lastStream: Int32, code: UInt32) {
    guard state == .open else { return }
    state = .draining
    timers.draining(now: loop.now.nanoseconds)
    owner?.connectionDraining(self)
  }

  func sessionReceivedSettings() {
    guard !hasSettings else { return }
    hasSettings = true
    guard role == .client else { return }
    timers.established(now: loop.now.nanoseconds)
    owner?.connectionReady(self)
  }

  func sessionReceivedPingAck() {
    guard awaitsDrainPing else { return }
    awaitsDrainPing = false
    sendGoAway()
  }

  func sendGoAway() {
    guard !hasSentGoAway else { return }
    hasSentGoAway = true
    attempt { session throws(HTTP2Error) in try session.goAway(.noError) }
  }

  func session(received frame: FloodGuard.Frame) {
    guard !flood.admit(frame, atNanoseconds: loop.now.nanoseconds) else { return }
    failure = Connection.floodReason
  }
}

/// An owner that takes requests.
protocol RequestReceiver: ConnectionOwner {
  func makeParser() -> RequestHeadParser
}
