import Glibc
import Seal
import Synchronization

/// One HTTP request as a receiver sees it.
struct ReceivedRequest: Sendable {
  /// Names in lower case.
  let headers: [String: String]
  let body: [UInt8]
}

/// A small HTTP/1.1 server on 127.0.0.1: one request a connection, one after the other. Blocks the
/// thread that serves.
final class WebhookReceiver: Sendable {
  static let headBytesMax = 16 << 10
  static let bodyBytesMax = 1 << 20
  static let pollMilliseconds: Int32 = 200
  static let readSeconds = 5

  let port: UInt16
  private let listener: Int32
  private let stopped = Atomic(false)

  /// - Parameter port: 0 for a free one.
  init(port: UInt16) throws {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    listener = socket(AF_INET, type, 0)
    guard listener >= 0 else { throw Files.failure("cannot open a socket") }
    var yes: Int32 = 1
    setsockopt(
      listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let file = listener
    let isBound = Endpoints.withLoopback(port) { bind(file, $0, $1) == 0 }
    guard isBound, listen(listener, 64) == 0 else {
      close(listener)
      throw Failure("port \(port) cannot be used", next: "choose another --port")
    }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = getsockname(file, $0, &length)
      }
    }
    self.port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(listener) }

  func stop() { stopped.store(true, ordering: .relaxed) }

  /// Serves until `stop`; `answer` gives the status and body for a request.
  func serve(_ answer: (ReceivedRequest) -> (status: Int, body: [UInt8])) {
    while !stopped.load(ordering: .relaxed) {
      var wait = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, Self.pollMilliseconds) > 0 else { continue }
      let file = accept(listener, nil, nil)
      guard file >= 0 else { continue }
      var limit = timeval(tv_sec: Self.readSeconds, tv_usec: 0)
      setsockopt(
        file, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      if let request = Self.read(file) {
        Self.write(answer(request), to: file)
      }
      close(file)
    }
  }

  private static func read(_ file: Int32) -> ReceivedRequest? {
    let mark = Array("\r\n\r\n".utf8)
    var bytes: [UInt8] = []
    var headers: [String: String]?
    var bodyStart = 0
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      if let headers {
        let length = Int(headers["content-length"] ?? "0") ?? -1
        guard (0...bodyBytesMax).contains(length) else { return nil }
        if bytes.count - bodyStart >= length {
          let body = Array(bytes[bodyStart..<(bodyStart + length)])
          return ReceivedRequest(headers: headers, body: body)
        }
      } else if let end = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) {
        headers = parse(String(decoding: bytes[..<end], as: UTF8.self))
        bodyStart = end + mark.count
        continue
      } else if bytes.count > headBytesMax {
        return nil
      }
      let count = recv(file, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
  }

  static func parse(_ head: String) -> [String: String] {
    var headers: [String: String] = [:]
    for line in head.split(separator: "\r\n").dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      headers[line[..<colon].lowercased()] = String(value)
    }
    return headers
  }

  private static func write(_ answer: (status: Int, body: [UInt8]), to file: Int32) {
    let head = """
      HTTP/1.1 \(answer.status) \(answer.status == 200 ? "OK" : "Refused")\r
      Content-Type: application/json\r
      Content-Length: \(answer.body.count)\r
      Connection: close\r
      \r

      """
    let bytes = Array(head.utf8) + answer.body
    // A sender that hung up tries again by its own rules.
    _ = bytes.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}

/// What a receiver checks before it believes a request: Standard Webhooks, symmetric.
struct WebhookVerifier: Sendable {
  enum Verdict: Sendable, Equatable {
    case valid
    case invalid(String)
  }

  static let toleranceSeconds: Int64 = 300
  static let prefix = "whsec_"

  let key: SecretBytes

  /// - Parameter secret: `whsec_` and base 64.
  init?(secret: String) {
    guard secret.hasPrefix(Self.prefix),
      let bytes = Base64.decode(String(secret.dropFirst(Self.prefix.count))), !bytes.isEmpty
    else { return nil }
    key = SecretBytes(bytes)
  }

  /// One of the header's signatures must be ours, over `id.timestamp.body`, and not be old.
  func verify(_ request: ReceivedRequest, nowSeconds: Int64) -> Verdict {
    guard let id = request.headers["webhook-id"],
      let stamp = request.headers["webhook-timestamp"], let seconds = Int64(stamp),
      let signatures = request.headers["webhook-signature"]
    else { return .invalid("headers are missing") }
    guard abs(nowSeconds - seconds) <= Self.toleranceSeconds else {
      return .invalid("its time is \(abs(nowSeconds - seconds)) s away")
    }
    let expected = HMACSHA256.code(Array("\(id).\(stamp).".utf8) + request.body, key: key)
    let matches = signatures.split(separator: " ").contains { signature in
      guard signature.hasPrefix("v1,"), let code = Base64.decode(String(signature.dropFirst(3)))
      else { return false }
      return ConstantTime.equals(code, expected)
    }
    return matches ? .valid : .invalid("no signature matches")
  }
}
