import Glibc
import Synchronization
import Testing

@testable import InboundHTTP

/// The server as a hostile client sees it, byte by byte.
@Suite struct ListenerTests {
  /// Answers every request with its method, path and body.
  static func echo(_ limits: RequestLimits = RequestLimits(), connectionsMax: Int = 64) -> Listener {
    Listener(name: "test", limits: limits, connectionsMax: connectionsMax) { request, facts in
      let text = "\(request.method) \(request.path) \(facts.served) "
      return Exchange(
        response: Response(status: 200, contentType: "text/plain", body: Array(text.utf8) + request.body))
    }
  }

  static let get = "GET /a HTTP/1.1\r\nHost: x\r\n"
  static let post = "POST /a HTTP/1.1\r\nHost: x\r\n"

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let status: Int
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ status: Int) {
      self.name = name
      self.text = text
      self.status = status
    }
  }

  static let rows = [
    Row("plain", get + "\r\n", 200),
    Row("with a body", post + "Content-Length: 2\r\n\r\nhi", 200),
    Row("chunked", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\n\r\n", 200),
    Row("old, without a host", "GET / HTTP/1.0\r\n\r\n", 200),
    Row("both lengths", post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Row("two lengths", post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400),
    Row("two encodings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Row("another encoding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    Row("signed length", post + "Content-Length: +2\r\n\r\nhi", 400),
    Row("negative length", post + "Content-Length: -1\r\n\r\n", 400),
    Row("empty length", post + "Content-Length:\r\n\r\n", 400),
    Row("signed chunk", post + "Transfer-Encoding: chunked\r\n\r\n+1\r\nh\r\n0\r\n\r\n", 400),
    Row("a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400),
    Row("pipelined", get + "\r\n" + get + "\r\n", 400),
    Row("more than its length", post + "Content-Length: 1\r\n\r\nhi", 400),
    Row("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    Row("two hosts", get + "Host: y\r\n\r\n", 400),
    Row("bare line feeds", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
    Row("a folded field", get + "X: a\r\n b\r\n\r\n", 400),
    Row("a space before the colon", get + "X : a\r\n\r\n", 400),
    Row("a field without colon", get + "bad\r\n\r\n", 400),
    Row("NUL", get + "X: a\0b\r\n\r\n", 400),
    Row("two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    Row("no path", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    Row("nonsense", "nonsense\r\n\r\n", 400),
    Row("another version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    Row("another expectation", post + "Expect: fish\r\nContent-Length: 0\r\n\r\n", 417),
    Row("too long a head", get + "X: " + String(repeating: "a", count: 20_000) + "\r\n\r\n", 431),
    Row("too many fields", get + String(repeating: "X: a\r\n", count: 65) + "\r\n", 431),
    Row("too long a body", post + "Content-Length: 2000000\r\n\r\n", 413),
    Row("a length past all numbers", post + "Content-Length: 99999999999999999999\r\n\r\n", 400),
    Row("too long a chunk", post + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", 413),
  ]

  @Test(arguments: rows) func requests(row: Row) throws {
    let listener = Self.echo()
    defer { listener.stop() }
    let client = try Client(port: listener.start(port: 0))
    client.send(row.text)
    let answer = client.receive()
    #expect(answer.status == row.status)
    // Whatever was refused ends the connection: the rest of its bytes is nobody's request.
    if row.status != 200 { #expect(client.receive().isEnd) }
  }

  @Test func keepsAConnectionAndCountsItsRequests() throws {
    let listener = Self.echo()
    defer { listener.stop() }
    let client = try Client(port: listener.start(port: 0))
    for served in 0..<3 {
      client.send(Self.post + "Content-Length: 2\r\n\r\nhi")
      #expect(client.receive().body == "POST /a \(served) hi")
    }
    client.send(Self.get + "Connection: close\r\n\r\n")
    #expect(client.receive().status == 200 && client.receive().isEnd)
  }

  /// Byte after byte, each in time for a limit per read: the limit counts for the whole request.
  @Test func whoDripsIsCutOff() throws {
    var limits = RequestLimits()
    limits.requestMilliseconds = 300
    let listener = Self.echo(limits)
    defer { listener.stop() }
    let client = try Client(port: listener.start(port: 0))
    let started = ContinuousClock.now
    client.send("GET / HTTP/1.1\r\n")
    var answer = client.receive(atMostMilliseconds: 20)
    while !answer.isEnd, answer.status == 0, started.duration(to: .now) < .seconds(20) {
      client.send("x")
      answer = client.receive(atMostMilliseconds: 20)
    }
    #expect(answer.status == 408)
    #expect(started.duration(to: .now) < .seconds(10))
  }

  @Test func silentConnectionsEnd() throws {
    var limits = RequestLimits()
    limits.idleMilliseconds = 100
    let listener = Self.echo(limits)
    defer { listener.stop() }
    let client = try Client(port: listener.start(port: 0))
    #expect(client.receive().isEnd)
  }

  @Test func oneConnectionTooManyIsClosed() throws {
    let listener = Self.echo(connectionsMax: 1)
    defer { listener.stop() }
    let port = try listener.start(port: 0)
    let first = try Client(port: port)
    first.send(Self.get + "\r\n")
    #expect(first.receive().status == 200)
    let second = try Client(port: port)
    second.send(Self.get + "\r\n")
    #expect(second.receive().isEnd)
    first.send(Self.get + "\r\n")
    #expect(first.receive().status == 200)
  }

  @Test func forms() {
    let fields = formDecoded(Array("a=1&metadata%5Border%5D=x+y%2B&empty=&flag".utf8)[...]) ?? []
    #expect(fields.map(\.name) == ["a", "metadata[order]", "empty", "flag"])
    #expect(fields.map(\.value) == ["1", "x y+", "", ""])
    #expect(formDecoded(Array("a=%zz".utf8)[...]) == nil)
    #expect(formDecoded(Array("a=%ff".utf8)[...]) == nil)
  }
}

/// One blocking connection.
final class Client {
  struct Answer {
    var status = 0
    var body = ""
    /// The connection ended, in whatever way.
    var isEnd = false
  }

  private let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopbackAddress(port)
    let connected = withUnsafeBytes(of: &address) { bytes in
      connect(
        descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
    try #require(connected)
  }

  deinit { close(descriptor) }

  func send(_ text: String) { _ = sendAll(descriptor, Array(text.utf8)) }

  func receive(atMostMilliseconds limit: Int32 = 20_000) -> Answer {
    var bytes: [UInt8] = []
    while true {
      if let answer = Self.parse(bytes) { return answer }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, limit) > 0 else { return Answer() }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { return Answer(isEnd: true) }
      bytes += chunk[..<count]
    }
  }

  private static func parse(_ bytes: [UInt8]) -> Answer? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    let head = text[..<end.lowerBound]
    let words = head.split(separator: " ")
    guard words.count > 1, let status = Int(words[1]),
      let mark = head.firstRange(of: "Content-Length: ")
    else { return nil }
    let length = Int(head[mark.upperBound...].prefix { $0.isNumber }) ?? 0
    let body = text[end.upperBound...]
    guard body.utf8.count >= length else { return nil }
    return Answer(status: status, body: String(body))
  }
}
