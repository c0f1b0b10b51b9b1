import FoundationEssentials
import Glibc

/// HTTP/1.1 on this machine's loopback, one request a connection: the simulator's control port.
/// Blocks; at most `limitSeconds` for each read.
enum LoopbackHTTP {
  struct Answer: Sendable {
    let status: Int
    let body: [UInt8]
  }

  static let limitSeconds = 10
  static let answerBytesMax = 64 << 20

  static func send(
    _ method: String, _ path: String, to address: Endpoints.Address, json: String? = nil
  ) throws -> Answer {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { throw Files.failure("cannot open a socket") }
    defer { close(file) }
    var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    guard Endpoints.withLoopback(address.port, { connect(file, $0, $1) == 0 }) else {
      throw Failure(
        "gateway-sim cannot be reached at port \(address.port)", next: "run deploy/up")
    }
    let body = json ?? ""
    let head = """
      \(method) \(path) HTTP/1.1\r
      Host: 127.0.0.1:\(address.port)\r
      Content-Type: application/json\r
      Content-Length: \(body.utf8.count)\r
      Connection: close\r
      \r

      """
    try write(Array((head + body).utf8), to: file)
    return try parse(try readAll(file))
  }

  private static func write(_ bytes: [UInt8], to file: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Files.failure("gateway-sim took no request") }
      rest = rest.dropFirst(count)
    }
  }

  private static func readAll(_ file: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while bytes.count < answerBytesMax {
      let count = recv(file, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Files.failure("gateway-sim did not answer") }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  /// Answers with a length, as the simulator gives them.
  static func parse(_ bytes: [UInt8]) throws -> Answer {
    let mark = Array("\r\n\r\n".utf8)
    guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else {
      throw Failure("gateway-sim answered no HTTP", next: "see tender status")
    }
    let head = String(decoding: bytes[..<end], as: UTF8.self)
    let words = head.split(separator: "\r\n").first?.split(separator: " ") ?? []
    guard words.count >= 2, let status = Int(words[1]) else {
      throw Failure("gateway-sim answered no HTTP", next: "see tender status")
    }
    return Answer(status: status, body: Array(bytes[(end + mark.count)...]))
  }
}
