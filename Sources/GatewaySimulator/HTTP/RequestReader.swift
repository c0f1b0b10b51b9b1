import Glibc

/// Head and body a client may send; more is refused and the connection closed.
let requestHeadBytesMax = 16 * 1024
let requestBodyBytesMax = 1024 * 1024

enum ReadResult {
  case request(Request)
  /// The client closed, was silent too long, or the socket failed.
  case ended
  /// Not HTTP that this server speaks: the status to answer before closing.
  case malformed(status: Int)
}

/// Reads HTTP/1.1 requests from one blocking socket; keeps what came early for the next one.
struct RequestReader {
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init(descriptor: Int32) { self.descriptor = descriptor }

  mutating func next() -> ReadResult {
    var searched = 0
    var headEnd: Int?
    while true {
      headEnd = findHeadEnd(from: max(0, searched - 3))
      if headEnd != nil { break }
      searched = buffer.count
      if buffer.count > requestHeadBytesMax { return .malformed(status: 431) }
      if !receive() { return .ended }
    }
    guard let headEnd else { return .ended }
    guard headEnd <= requestHeadBytesMax else { return .malformed(status: 431) }
    let parsed = RequestReader.parseHead(buffer[..<headEnd])
    buffer.removeFirst(headEnd + 4)
    guard var request = parsed else { return .malformed(status: 400) }
    if request.header("expect")?.lowercased() == "100-continue", buffer.isEmpty {
      guard sendAll(descriptor, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) else { return .ended }
    }
    return readBody(into: &request)
  }

  /// Works on bytes: `Character` by `Character` this was a third of a request's time.
  static func parseHead(_ head: ArraySlice<UInt8>) -> Request? {
    var lines = head.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
    guard let first = lines.popFirst() else { return nil }
    let words = withoutReturn(first).split(separator: 0x20, omittingEmptySubsequences: false)
    guard words.count == 3, words[2].starts(with: "HTTP/1.".utf8),
      words[1].first == UInt8(ascii: "/")
    else { return nil }
    let target = words[1].split(
      separator: UInt8(ascii: "?"),
      maxSplits: 1,
      omittingEmptySubsequences: false
    )
    var request = Request(method: text(words[0]), path: text(target[0]))
    if target.count == 2 {
      guard let query = formDecoded(target[1]) else { return nil }
      request.query = query
    }
    for line in lines {
      let line = withoutReturn(line)
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex else {
        return nil
      }
      request.headers.append(
        (text(line[..<colon]).lowercased(), text(trimmed(line[(colon + 1)...])))
      )
    }
    let connection = request.header("connection")?.lowercased()
    request.keepsAlive =
      words[2].last == UInt8(ascii: "0") ? connection == "keep-alive" : connection != "close"
    return request
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }

  private static func withoutReturn(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    line.last == 0x0d ? line.dropLast() : line
  }

  private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var value = value
    while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
    while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
    return value
  }

  private mutating func readBody(into request: inout Request) -> ReadResult {
    if let encoding = request.header("transfer-encoding") {
      guard encoding.lowercased() == "chunked" else { return .malformed(status: 400) }
      return readChunks(into: &request)
    }
    guard let length = request.header("content-length") else { return .request(request) }
    guard let count = Int(length), count >= 0 else { return .malformed(status: 400) }
    guard count <= requestBodyBytesMax else { return .malformed(status: 413) }
    guard fill(count) else { return .ended }
    request.body = Array(buffer[..<count])
    buffer.removeFirst(count)
    return .request(request)
  }

  private mutating func readChunks(into request: inout Request) -> ReadResult {
    while true {
      guard let line = readLine(), let count = Int(line.prefix { $0 != ";" }, radix: 16), count >= 0
      else { return .malformed(status: 400) }
      guard request.body.count + count <= requestBodyBytesMax else {
        return .malformed(status: 413)
      }
      guard fill(count) else { return .ended }
      request.body.append(contentsOf: buffer[..<count])
      buffer.removeFirst(count)
      // The line end after the chunk; after the last chunk, the empty trailer.
      guard readLine() == "" else { return .malformed(status: 400) }
      if count == 0 { return .request(request) }
    }
  }

  private mutating func readLine() -> String? {
    while true {
      if let end = buffer.firstIndex(of: 0x0a) {
        guard end > 0, buffer[end - 1] == 0x0d else { return nil }
        defer { buffer.removeFirst(end + 1) }
        return String(decoding: buffer[..<(end - 1)], as: UTF8.self)
      }
      guard buffer.count < 256, receive() else { return nil }
    }
  }

  private mutating func fill(_ count: Int) -> Bool {
    while buffer.count < count { if !receive() { return false } }
    return true
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

  private mutating func receive() -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { scratch in
      while true {
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        if count > 0 {
          buffer.append(contentsOf: scratch[..<count])
          return true
        }
        if count == 0 || errno != EINTR { return false }
      }
    }
  }
}

/// Sends everything; false if the peer is gone.
func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
  bytes.withUnsafeBytes { buffer in
    var sent = 0
    while sent < buffer.count {
      let count = send(
        descriptor,
        buffer.baseAddress?.advanced(by: sent),
        buffer.count - sent,
        Int32(MSG_NOSIGNAL)
      )
      if count > 0 {
        sent += count
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}
