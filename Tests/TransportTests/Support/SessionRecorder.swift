import GRPCCore

@testable import Transport

/// A session without a socket: parses headers and messages as a connection does, answers each
/// request that has ended, and remembers what it saw.
final class SessionRecorder: HTTP2SessionDelegate {
  enum Event: Equatable {
    case accepted(Int32, String)
    case refused(Int32)
    case response(Int32, String)
    case message(Int32, [UInt8])
    case framing(Int32)
    case ended(Int32)
    case closed(Int32, UInt32)
    case goAway(UInt32)
  }

  let limits: TransportLimits
  let role: HTTP2Session.Role
  private(set) var events: [Event] = []
  /// The events up to the peer's GOAWAY. With no call open the connection is done there: how much of
  /// what follows is still read depends on the pieces.
  var eventsToGoodbye: ArraySlice<Event> {
    let goodbye = events.firstIndex { if case .goAway = $0 { true } else { false } }
    return goodbye.map { events[...$0] } ?? events[...]
  }
  /// Bytes that the session held for us at once, at most.
  private(set) var largestMessage = 0
  private var requests: [Int32: RequestHeadParser] = [:]
  private var responses: [Int32: ResponseHeadParser] = [:]
  private var deframers: [Int32: MessageDeframer] = [:]
  private let methods: MethodTable
  private(set) var session: HTTP2Session?

  init(role: HTTP2Session.Role, limits: TransportLimits) throws {
    self.role = role
    self.limits = limits
    methods = MethodTable(methods: EchoMethod.allCases.map(\.descriptor))
    session = try HTTP2Session(role: role, limits: limits, delegate: self)
  }

  /// Feeds bytes and, unless the socket is `isFull`, takes what is to be sent; false once the
  /// connection is over.
  func feed(_ bytes: [UInt8], isFull: Bool = false) -> Bool {
    guard let session else { return false }
    do {
      // Not `withUnsafeBytes { try … }`: a typed error through its closure crashes the compiler.
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: bytes)
      try session.receive(UnsafeRawBufferPointer(copy))
      if !isFull { _ = try output() }
    } catch {
      self.session = nil
      return false
    }
    return !session.isFinished
  }

  func output() throws(HTTP2Error) -> [UInt8] {
    var bytes: [UInt8] = []
    try session?.collectOutput {
      bytes += $0
      return true
    }
    return bytes
  }

  // MARK: - HTTP2SessionDelegate

  func session(beganHeaders stream: Int32) {
    if role == .client {
      if responses[stream] == nil { responses[stream] = ResponseHeadParser(limits: limits) }
      responses[stream]?.begin()
    } else if deframers[stream] == nil {
      requests[stream] = RequestHeadParser(limits: limits, methods: methods)
    }
  }

  func session(
    header name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, stream: Int32
  ) {
    requests[stream]?.add(name, value)
    responses[stream]?.add(name, value)
  }

  func session(endedHeaders stream: Int32, isEndOfStream: Bool) {
    if deframers[stream] == nil {
      deframers[stream] = MessageDeframer(limit: limits.messageBytesMax)
    }
    if let parser = requests.removeValue(forKey: stream) {
      do {
        events.append(.accepted(stream, try parser.finish().method.fullyQualifiedMethod))
      } catch {
        events.append(.refused(stream))
      }
    }
    if let block = responses[stream]?.finish(isEndOfStream: isEndOfStream) {
      events.append(.response(stream, "\(block)"))
    }
    if isEndOfStream { answer(stream) }
  }

  func session(data: UnsafeRawBufferPointer, stream: Int32) {
    session?.consumeConnection(bytes: data.count)
    session?.consume(stream: stream, bytes: data.count)
    do {
      try deframers[stream]?.append(data) {
        largestMessage = max(largestMessage, $0.count)
        events.append(.message(stream, $0))
      }
    } catch {
      deframers[stream] = nil
      events.append(.framing(stream))
    }
  }

  func session(endedData stream: Int32) { answer(stream) }

  private func answer(_ stream: Int32) {
    events.append(.ended(stream))
    guard role == .server else { return }
    var headers = HeaderBlock()
    headers.add(":status", "200")
    headers.add("grpc-status", "0")
    // Refused for a stream that is gone meanwhile: nothing is owed then.
    try? session?.submitResponse(stream: stream, headers, hasBody: false)
  }

  func session(closed stream: Int32, code: UInt32) {
    deframers[stream] = nil
    requests[stream] = nil
    events.append(.closed(stream, code))
  }

  func session(bodyOf stream: Int32, into buffer: UnsafeMutableRawBufferPointer) -> BodyChunk {
    .end(0)
  }

  func session(sentEndOf stream: Int32) {}
  func session(goAway lastStream: Int32, code: UInt32) { events.append(.goAway(code)) }
  func sessionReceivedSettings() {}
  func sessionReceivedPingAck() {}
  func session(received frame: FloodGuard.Frame) {}
}
