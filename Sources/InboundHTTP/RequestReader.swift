import Glibc

/// What a client may send, and how long it may take.
package struct RequestLimits: Sendable {
  /// Request line and header fields together, in bytes.
  package var headBytesMax = 16 * 1024
  package var headersMax = 64
  package var bodyBytesMax = 1024 * 1024
  /// A connection without a request is closed after this long.
  package var idleMilliseconds: Int64 = 75_000
  /// From a request's first byte to its last: whoever drips is cut off.
  package var requestMilliseconds: Int64 = 10_000

  package init() {}
}

enum ReadResult {
  case request(Request)
  /// The client closed, was silent too long, or the socket failed.
  case ended
  /// Not HTTP that this server speaks: the status to answer before closing.
  case malformed(status: Int)
}

/// Reads HTTP/1.1 requests from one socket, strictly: what two parsers could read in two ways is
/// refused, and so is a second request before the first is answered.
struct RequestReader {
  private let descriptor: Int32
  private let limits: RequestLimits
  private var buffer: [UInt8] = []
  private var deadline: Int64 = 0

  init(descriptor: Int32, limits: RequestLimits) {
    self.descriptor = descriptor
    self.limits = limits
  }

  mutating func next() -> ReadResult {
    do throws(ReadFailure) {
      deadline = monotonicMilliseconds() + limits.idleMilliseconds
      guard try receive(isFirst: true) else { return .ended }
      deadline = monotonicMilliseconds() + limits.requestMilliseconds
      var request = try readHead()
      try readBody(into: &request)
      guard buffer.isEmpty else { return .malformed(status: 400) }
      return .request(request)
    } catch {
      switch error {
      case .ended: return .ended
      case .refused(let status): return .malformed(status: status)
      }
    }
  }

  // MARK: Head

  private mutating func readHead() throws(ReadFailure) -> Request {
    var searched = 0
    while true {
      if let end = findHeadEnd(from: max(0, searched - 3)) {
        guard end <= limits.headBytesMax else { throw .refused(431) }
        let request = try RequestHead.parse(buffer[..<end], limits)
        buffer.removeFirst(end + 4)
        return request
      }
      searched = buffer.count
      guard buffer.count <= limits.headBytesMax else { throw .refused(431) }
      guard try receive() else { throw .ended }
    }
  }

  private func findHeadEnd(from start: Int) -> Int? {
    buffer.withUnsafeBufferPointer { bytes in
      var index = start
      while index + 3 < bytes.count {
        if bytes[index + 3] == 0x0a, bytes[index] == 0x0d, bytes[index + 1] == 0x0a,
          bytes[index + 2] == 0x0d
        {
          return index
        }
        index += 1
      }
      return nil
    }
  }

  // MARK: Body

  private mutating func readBody(into request: inout Request) throws(ReadFailure) {
    let lengths = request.headers.filter { $0.name == "content-length" }
    let encodings = request.headers.filter { $0.name == "transfer-encoding" }
    guard lengths.count + encodings.count <= 1 else { throw .refused(400) }
    if let expectation = request.header("expect") {
      guard expectation.lowercased() == "100-continue" else { throw .refused(417) }
      if buffer.isEmpty, !sendAll(descriptor, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) {
        throw .ended
      }
    }
    if let encoding = encodings.first {
      guard encoding.value.lowercased() == "chunked" else { throw .refused(400) }
      return try readChunks(into: &request)
    }
    guard let length = lengths.first?.value else { return }
    guard let count = number(length, radix: 10) else { throw .refused(400) }
    guard count <= limits.bodyBytesMax else { throw .refused(413) }
    request.body = try take(count)
  }

  private mutating func readChunks(into request: inout Request) throws(ReadFailure) {
    while true {
      let line = try readLine()
      let digits = String(line.prefix { $0 != ";" })
      guard let count = number(digits, radix: 16) else { throw .refused(400) }
      guard count <= limits.bodyBytesMax - request.body.count else { throw .refused(413) }
      request.body += try take(count)
      // The line end after the chunk; after the last chunk, the empty trailer.
      guard try readLine().isEmpty else { throw .refused(400) }
      if count == 0 { return }
    }
  }

  /// Digits and nothing else: no sign, no space.
  private func number(_ text: String, radix: Int) -> Int? {
    let isDigits = text.utf8.allSatisfy { radix == 16 ? hexDigit($0) != nil : 0x30...0x39 ~= $0 }
    return isDigits ? Int(text, radix: radix) : nil
  }

  private mutating func readLine() throws(ReadFailure) -> String {
    while true {
      if let end = buffer.firstIndex(of: 0x0a) {
        guard end > 0, buffer[end - 1] == 0x0d else { throw .refused(400) }
        let line = String(decoding: buffer[..<(end - 1)], as: UTF8.self)
        buffer.removeFirst(end + 1)
        return line
      }
      guard buffer.count < 256 else { throw .refused(400) }
      guard try receive() else { throw .ended }
    }
  }

  private mutating func take(_ count: Int) throws(ReadFailure) -> [UInt8] {
    while buffer.count < count { guard try receive() else { throw .ended } }
    let bytes = Array(buffer[..<count])
    buffer.removeFirst(count)
    return bytes
  }

  // MARK: The socket

  /// One piece of what comes, within the deadline; false at the end of the connection.
  private mutating func receive(isFirst: Bool = false) throws(ReadFailure) -> Bool {
    while true {
      let left = deadline - monotonicMilliseconds()
      guard left > 0 else { throw isFirst ? .ended : .refused(408) }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&entry, 1, Int32(clamping: left))
      if ready == 0 || (ready < 0 && errno == EINTR) { continue }
      guard ready > 0 else { return false }
      let count = withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { scratch in
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        if count > 0 { buffer.append(contentsOf: scratch[..<count]) }
        return count
      }
      if count > 0 { return true }
      if count == 0 || errno != EINTR { return false }
    }
  }
}

private enum ReadFailure: Error {
  case ended
  case refused(Int)
}

private func monotonicMilliseconds() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}

/// The request line and the header fields.
private enum RequestHead {
  /// Works on bytes: `Character` by `Character` this was a third of a request's time.
  static func parse(
    _ head: ArraySlice<UInt8>, _ limits: RequestLimits
  ) throws(ReadFailure) -> Request {
    var lines = head.split(separator: 0x0a, omittingEmptySubsequences: false)
    // Every line but the last, whose end was cut off with the head's, ends in CR LF.
    for index in lines.indices.dropLast() {
      guard lines[index].last == 0x0d else { throw .refused(400) }
      lines[index] = lines[index].dropLast()
    }
    guard !head.contains(0), lines.allSatisfy({ !$0.contains(0x0d) }) else { throw .refused(400) }
    guard lines.count - 1 <= limits.headersMax else { throw .refused(431) }
    var (request, isOld) = try requestLine(lines[0])
    for line in lines.dropFirst() { request.headers.append(try field(line)) }
    let hosts = request.headers.count { $0.name == "host" }
    guard hosts == 1 || (isOld && hosts == 0) else { throw .refused(400) }
    let connection = request.header("connection")?.lowercased()
    request.keepsAlive = isOld ? connection == "keep-alive" : connection != "close"
    return request
  }

  private static func requestLine(
    _ line: ArraySlice<UInt8>
  ) throws(ReadFailure) -> (Request, isOld: Bool) {
    let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[0].allSatisfy(isToken),
      words[1].first == UInt8(ascii: "/"), words[2].starts(with: "HTTP/".utf8)
    else { throw .refused(400) }
    let isOld = words[2].elementsEqual("HTTP/1.0".utf8)
    guard isOld || words[2].elementsEqual("HTTP/1.1".utf8) else { throw .refused(505) }
    let target = words[1].split(
      separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    var request = Request(method: text(words[0]), path: text(target[0]))
    if target.count == 2 {
      guard let query = formDecoded(target[1]) else { throw .refused(400) }
      request.query = query
    }
    return (request, isOld)
  }

  /// No folded lines, no space before the colon.
  private static func field(
    _ line: ArraySlice<UInt8>
  ) throws(ReadFailure) -> (name: String, value: String) {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex,
      line[..<colon].allSatisfy(isToken)
    else { throw .refused(400) }
    return (text(line[..<colon]).lowercased(), text(trimmed(line[(colon + 1)...])))
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }

  private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var value = value
    while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
    while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
    return value
  }

  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

/// Sends everything; false if the peer is gone.
package func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
  bytes.withUnsafeBytes { buffer in
    var sent = 0
    while sent < buffer.count {
      let count = send(
        descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent,
        Int32(MSG_NOSIGNAL))
      if count > 0 {
        sent += count
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}
