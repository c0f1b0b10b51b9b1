import GRPCCore
import Reactor
import Synchronization
import Testing
import Transport

@Suite(.timeLimit(.minutes(1)))
struct BackPressureTests {
  private static let chunk = [UInt8](repeating: 1, count: 8 * 1024)

  /// Guards the window: without `consume` the call never ends; with automatic updates the client
  /// sends everything at once.
  @Test func windowConsumptionFollowsTheReader() async throws {
    let limits = TransportLimits()
    try await Harness.withEcho(.tender) { client, probe in
      let sent = Mutex(0)
      let total = 256 * Self.chunk.count
      async let answer = client.clientStreaming(
        request: StreamingClientRequest { writer in
          for _ in 0..<256 {
            try await writer.write(Self.chunk)
            sent.withLock { $0 += Self.chunk.count }
          }
        },
        descriptor: EchoMethod.stall.descriptor, serializer: BytesCoder(),
        deserializer: BytesCoder(), options: .defaults
      ) { try $0.message }
      await probe.wait(for: .started)
      try await Self.waitUntilSteady { sent.withLock { $0 } }
      let ahead = sent.withLock { $0 }
      #expect(ahead > limits.streamWindowBytes / 2)
      #expect(ahead <= limits.streamWindowBytes + limits.queuedBytesHigh + Self.chunk.count)
      probe.release()
      let counted = try await answer
      #expect(counted == Array("\(total)".utf8))
    }
  }

  @Test func aServersWriterWaitsForAPeerThatDoesNotRead() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      let size: [UInt8] = [0, 0, 0, 0, 0x10, 0, 0, 0]
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Pour", stream: 1)
          + RawPeer.message(size, stream: 1, ends: true))
      await server.probe.wait(for: .started)
      try await Self.waitUntilSteady { server.probe.poured }
      let limits = TransportLimits()
      #expect(server.probe.poured <= 65_535 + limits.queuedBytesHigh + 16 * 1024)
      // The others are served all the while.
      try await Harness.withClient(of: [server.address]) { client in
        let echoed = try await client.echo([1, 2, 3])
        #expect(echoed == [1, 2, 3])
      }
      // Held open until here.
      peer.close()
    }
  }

  @Test func aSlowReaderOfAResponseHoldsTheServerBack() async throws {
    try await Harness.withEcho(.tender) { client, probe in
      let size = 4 * 1024 * 1024
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * $0)) }
      let total = try await client.serverStreaming(
        request: ClientRequest(message: bytes), descriptor: EchoMethod.pour.descriptor,
        serializer: BytesCoder(), deserializer: BytesCoder(), options: .defaults
      ) { response in
        try await Self.waitUntilSteady { probe.poured }
        let limits = TransportLimits()
        #expect(probe.poured <= limits.streamWindowBytes + limits.queuedBytesHigh + 32 * 1024)
        return try await response.messages.reduce(0) { $0 + $1.count }
      }
      #expect(total == size)
    }
  }

  /// Waits until a number has not grown for 20 looks in a row.
  static func waitUntilSteady(_ value: () -> Int) async throws {
    var last = -1
    var same = 0
    while same < 20 {
      let now = value()
      same = now == last && now > 0 ? same + 1 : 0
      last = now
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
