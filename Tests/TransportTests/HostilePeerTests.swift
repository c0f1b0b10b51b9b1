import Reactor
import Testing

@testable import Transport

/// Peers that do what no client should.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HostilePeerTests {
  private static func limits(_ change: (inout TransportLimits) -> Void) -> TransportLimits {
    var limits = TransportLimits()
    limits.tickMilliseconds = 20
    change(&limits)
    return limits
  }

  /// The server still answers an honest client.
  private static func expectService(_ server: RunningServer) async throws {
    try await Harness.withClient(of: [server.address]) { client in
      let echoed = try await client.echo([4, 2])
      #expect(echoed == [4, 2])
    }
  }

  @Test func thousandsOfResetsEndTheConnection() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      var bytes = RawPeer.opening
      for number in UInt32(0)..<3000 {
        let stream = number * 2 + 1
        bytes += RawPeer.request("/test.Echo/Hang", stream: stream) + RawPeer.reset(stream: stream)
      }
      do {
        try peer.send(bytes)
      } catch RawPeer.Failure.write {
        // The server hung up while we sent: as it should.
      }
      #expect(try peer.readToEnd() == HTTP2ErrorCode.enhanceYourCalm.rawValue)
      #expect(server.probe.number(of: .started) <= TransportLimits().resetBurst * 2)
      try await Self.expectService(server)
    }
  }

  @Test func aPingFloodEndsTheConnection() async throws {
    try await Harness.withServer(limits: Self.limits { $0.controlBurst = 100 }) { server in
      let peer = try RawPeer(to: server.address)
      do {
        try peer.send(RawPeer.opening + (0..<2000).flatMap { _ in RawPeer.ping() })
      } catch RawPeer.Failure.write {
        // The server hung up while we sent: as it should.
      }
      #expect(try peer.readToEnd() == HTTP2ErrorCode.enhanceYourCalm.rawValue)
      try await Self.expectService(server)
    }
  }

  @Test func garbageInsteadOfTLSIsClosed() async throws {
    try await Harness.withServer { server in
      let fd = try RawPeer.connect(to: server.address)
      defer { RawPeer.close(fd) }
      let garbage = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      #expect(sendAll(fd, garbage))
      #expect(readsEnd(fd))
      try await Self.expectService(server)
    }
  }

  @Test func garbageInsteadOfHTTP2IsClosed() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send((0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      _ = try peer.readToEnd()
      try await Self.expectService(server)
    }
  }

  @Test func aHalfOpenHandshakeEndsAtItsLimit() async throws {
    try await Harness.withServer(limits: Self.limits { $0.handshakeMilliseconds = 150 }) { server in
      let silent = try RawPeer.connect(to: server.address)
      defer { RawPeer.close(silent) }
      #expect(readsEnd(silent))
      try await Self.expectService(server)
    }
  }

  @Test func aHandshakeByDripsEndsAtItsLimit() async throws {
    try await Harness.withServer(limits: Self.limits { $0.handshakeMilliseconds = 150 }) { server in
      let slow = try RawPeer.connect(to: server.address)
      defer { RawPeer.close(slow) }
      // The beginning of a ClientHello, a byte at a time.
      let hello: [UInt8] = [22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]
      var isOpen = true
      for index in 0..<200 where isOpen {
        isOpen = sendAll(slow, [hello[min(index, hello.count - 1)]])
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(!isOpen || readsEnd(slow))
      try await Self.expectService(server)
    }
  }

  @Test func aPeerThatAnswersNoPingIsCut() async throws {
    let limits = Self.limits {
      $0.keepaliveMilliseconds = 100
      $0.keepaliveTimeoutMilliseconds = 100
    }
    try await Harness.withServer(limits: limits) { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(RawPeer.opening)
      _ = try peer.readToEnd()
      try await Self.expectService(server)
    }
  }

  @Test func aMessageThatStopsMidwayIsNamed() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Collect", stream: 1)
          + RawPeer.frame(0, flags: 1, stream: 1, [0, 0, 0, 0, 9, 1, 2]))
      let trailers = try peer.readTrailers(stream: 1)
      #expect(trailers["grpc-status"] == "13")
    }
  }

  @Test(arguments: [
    ([1, 0, 0, 0, 0], "12"), ([7, 0, 0, 0, 0], "13"), ([0, 0xFF, 0xFF, 0xFF, 0xFF], "8"),
  ] as [([UInt8], String)])
  func badFramingGetsAStatus(_ bytes: [UInt8], _ status: String) async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Collect", stream: 1)
          + RawPeer.frame(0, flags: 0, stream: 1, bytes))
      let trailers = try peer.readTrailers(stream: 1)
      #expect(trailers["grpc-status"] == status)
    }
  }

  @Test(arguments: [
    ("grpc-timeout", "1x"), ("grpc-timeout", "123456789S"), ("grpc-timeout", ""),
    ("data-bin", "!!"), ("text", "\u{7F}"),
  ])
  func badHeadersAreInvalidArguments(_ name: String, _ value: String) async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening
          + RawPeer.request("/test.Echo/Unary", stream: 1, [(name, value)], ends: true)
          + RawPeer.request("/test.Echo/Nope", stream: 3, ends: true))
      // nghttp2 resets a stream whose field no HTTP/2 peer may send; either way the call ends and
      // the connection goes on.
      var first: String?
      let decoder = HeaderDecoder()
      while true {
        let frame = try peer.readFrame()
        guard frame.type == 1 || frame.type == 3 else { continue }
        let fields = frame.type == 1 ? decoder.decode(frame.payload) : [:]
        if frame.stream == 1, first == nil { first = fields["grpc-status"] ?? "reset" }
        if frame.stream == 3 { break }
      }
      #expect(first == "3" || first == "reset")
      #expect(server.probe.number(of: .started) == 0)
    }
  }
}
