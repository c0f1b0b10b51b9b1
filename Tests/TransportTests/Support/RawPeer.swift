import Glibc
import Reactor

@testable import Transport

/// A peer that speaks TLS properly and then sends whatever bytes a test likes. Blocking: its socket
/// has time-outs, so a server that says nothing fails the test instead of hanging it.
final class RawPeer {
  enum Failure: Error {
    case handshake(String)
    case write(String)
    case timeout
    case closed
  }

  let fd: Int32
  private let tls: TLSConnection
  private var received: [UInt8] = []
  /// Bytes of a client's preface that come before its first frame.
  private var prefaceLeft = 0

  init(to address: SocketAddress, identity: TLSIdentity? = nil) throws {
    fd = try RawPeer.connect(to: address)
    let identity = try identity ?? TLSIdentity(SharedCertificates.client.get())
    tls = try TLSConnection(context: identity.context(isServer: false), fd: fd)
    guard tls.handshake() == .done else { throw Failure.handshake(tls.failureText) }
  }

  /// The server's end of the next connection of a blocking listener.
  init(acceptedFrom listener: Int32, identity: TLSIdentity) throws {
    fd = accept(listener, nil, nil)
    guard fd >= 0 else { throw Failure.closed }
    RawPeer.limitTime(of: fd, seconds: 10)
    tls = try TLSConnection(context: identity.context(isServer: true), fd: fd)
    guard tls.handshake() == .done else { throw Failure.handshake(tls.failureText) }
    prefaceLeft = RawPeer.opening.prefix { $0 != 0 }.count
  }

  deinit { close() }

  private var isClosed = false

  func close() {
    if !isClosed { Glibc.close(fd) }
    isClosed = true
  }

  static func close(_ fd: Int32) { Glibc.close(fd) }

  /// A blocking socket, connected.
  static func connect(to address: SocketAddress, timeoutSeconds: Int = 10) throws -> Int32 {
    let fd = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    limitTime(of: fd, seconds: timeoutSeconds)
    guard address.withSockaddr({ Glibc.connect(fd, $0, $1) }) == 0 else { throw Failure.closed }
    return fd
  }

  private static func limitTime(of fd: Int32, seconds: Int) {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let (step, count) = bytes[sent...].withUnsafeBytes { tls.write($0) }
      guard step == .done else { throw Failure.write(tls.failureText) }
      sent += count
    }
  }

  // MARK: - Frames

  struct Frame {
    var type: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]
  }

  static func frame(_ type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count
    return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
      + bytes(of: stream) + payload
  }

  static func bytes(of number: UInt32) -> [UInt8] {
    [UInt8(number >> 24), UInt8(number >> 16 & 0xFF), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)]
  }

  /// The client's preface and empty SETTINGS.
  static let opening = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, flags: 0, stream: 0, [])

  /// A server's preface.
  static let settings = frame(4, flags: 0, stream: 0, [])
  /// That no more calls are welcome; none is refused yet.
  static let goodbye = frame(7, flags: 0, stream: 0, [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])

  /// HEADERS that are a whole answer.
  static func answer(status: Int, stream: UInt32) -> [UInt8] {
    let fields = [
      (":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "\(status)"),
    ]
    return frame(1, flags: 5, stream: stream, fields.flatMap { [0] + string($0) + string($1) })
  }

  /// HEADERS of a request, without compression.
  static func request(
    _ path: String, stream: UInt32, _ more: [(String, String)] = [], ends: Bool = false
  ) -> [UInt8] {
    let fields =
      [
        (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "echo"),
        ("te", "trailers"), ("content-type", "application/grpc"),
      ] + more
    var block: [UInt8] = []
    for (name, value) in fields { block += [0] + string(name) + string(value) }
    var frames: [UInt8] = []
    var rest = block[...]
    var type: UInt8 = 1
    repeat {
      let part = rest.prefix(16_384)
      rest = rest.dropFirst(16_384)
      let flags: UInt8 = (rest.isEmpty ? 4 : 0) | (ends && type == 1 ? 1 : 0)
      frames += frame(type, flags: flags, stream: stream, Array(part))
      type = 9
    } while !rest.isEmpty
    return frames
  }

  private static func string(_ text: String) -> [UInt8] {
    var length = text.utf8.count
    guard length >= 127 else { return [UInt8(length)] + Array(text.utf8) }
    var bytes: [UInt8] = [127]
    length -= 127
    while length >= 128 {
      bytes.append(UInt8(length % 128 + 128))
      length /= 128
    }
    return bytes + [UInt8(length)] + Array(text.utf8)
  }

  /// DATA with one message.
  static func message(_ bytes: [UInt8], stream: UInt32, ends: Bool) -> [UInt8] {
    frame(0, flags: ends ? 1 : 0, stream: stream, [0] + Self.bytes(of: UInt32(bytes.count)) + bytes)
  }

  static func reset(stream: UInt32) -> [UInt8] {
    frame(3, flags: 0, stream: stream, bytes(of: 8))
  }

  static func ping() -> [UInt8] { frame(6, flags: 0, stream: 0, [UInt8](repeating: 1, count: 8)) }

  /// - Throws: `closed` when the server has ended the connection, `timeout`.
  func readFrame() throws -> Frame {
    while true {
      if received.count >= 9 {
        let length = Int(received[0]) << 16 | Int(received[1]) << 8 | Int(received[2])
        if received.count >= 9 + length {
          let stream =
            UInt32(received[5] & 0x7F) << 24 | UInt32(received[6]) << 16 | UInt32(received[7]) << 8
            | UInt32(received[8])
          let frame = Frame(
            type: received[3], flags: received[4], stream: stream,
            payload: Array(received[9..<9 + length]))
          received.removeFirst(9 + length)
          return frame
        }
      }
      var buffer = [UInt8](repeating: 0, count: 16_384)
      let (step, count) = buffer.withUnsafeMutableBytes { tls.read(into: $0) }
      switch step {
      case .done:
        let skipped = min(prefaceLeft, count)
        prefaceLeft -= skipped
        received += buffer[skipped..<count]
      case .wantsRead, .wantsWrite: throw Failure.timeout
      case .closed, .failed: throw Failure.closed
      }
    }
  }

  /// Header fields of the stream's last HEADERS frame, decoded by nghttp2.
  func readTrailers(stream: UInt32) throws -> [String: String] {
    let decoder = HeaderDecoder()
    while true {
      let frame = try readFrame()
      guard frame.type == 1 else { continue }
      let fields = decoder.decode(frame.payload)
      if frame.stream == stream, frame.flags & 1 != 0 { return fields }
    }
  }

  /// The error code of the GOAWAY before the end; nil when none came.
  func readToEnd() throws -> UInt32? {
    var code: UInt32?
    while true {
      do {
        let frame = try readFrame()
        if frame.type == 7 {
          code = frame.payload[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
        }
      } catch Failure.closed {
        return code
      }
    }
  }
}
