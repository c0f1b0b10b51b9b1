import GRPCCore
import Reactor
import Testing
import Transport

@Suite(.timeLimit(.minutes(1)))
struct LimitTests {
  private static func limits(_ change: (inout TransportLimits) -> Void) -> TransportLimits {
    var limits = TransportLimits()
    change(&limits)
    return limits
  }

  @Test func aRequestAboveTheServersLimitIsRefusedLoudly() async throws {
    try await Harness.withServer(limits: Self.limits { $0.messageBytesMax = 1000 }) { server in
      try await Harness.withClient(of: [server.address]) { client in
        let echoed = try await client.echo([UInt8](repeating: 1, count: 1000))
        #expect(echoed.count == 1000)
        let error = await #expect(throws: RPCError.self) {
          _ = try await client.echo([UInt8](repeating: 1, count: 1001))
        }
        #expect(error?.code == .resourceExhausted)
      }
    }
  }

  @Test func aResponseAboveTheClientsLimitIsRefusedLoudly() async throws {
    try await Harness.withServer { server in
      try await Harness.withClient(
        of: [server.address], limits: Self.limits { $0.messageBytesMax = 1000 }
      ) { client in
        let size: [UInt8] = [0, 0, 0, 0, 0, 0, 0x10, 0]
        let error = await #expect(throws: RPCError.self) {
          _ = try await client.echo(size, .pour)
        }
        #expect(error?.code == .resourceExhausted)
      }
    }
  }

  @Test func metadataAboveTheLimitFailsBeforeItIsSent() async throws {
    try await Harness.withEcho(.tender) { client, _ in
      let error = await #expect(throws: RPCError.self) {
        _ = try await client.echo(
          [], metadata: ["echo-large": "\(String(repeating: "x", count: 20_000))"])
      }
      #expect(error?.code == .resourceExhausted)
      let echoed = try await client.echo([1])
      #expect(echoed == [1])
    }
  }

  @Test(arguments: ["Ünicode", "", "with space", ":path", "grpc-status", "te"])
  func invalidMetadataKeysAreRefused(_ key: String) async throws {
    try await Harness.withEcho(.tender) { client, _ in
      let error = await #expect(throws: RPCError.self) {
        var metadata = Metadata()
        metadata.addString("x", forKey: key)
        _ = try await client.echo([], metadata: metadata)
      }
      #expect(error?.code == .invalidArgument)
    }
  }

  @Test func headerListsAboveTheLimitGetAStatus() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      let many = (0..<150).map { ("field-\($0)", "x") }
      let large = [("large", String(repeating: "x", count: 17_000))]
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Unary", stream: 1, many, ends: true)
          + RawPeer.request("/test.Echo/Unary", stream: 3, large, ends: true))
      let first = try peer.readTrailers(stream: 1)
      #expect(first["grpc-status"] == "8")
      #expect(server.probe.number(of: .started) == 0)
    }
  }

  struct Refused: Sendable {
    var reason: String
    var status: Int
    var method = "Unary"
    var headers: [(String, String)] = []
    /// What comes in DATA, gRPC's framing included.
    var body: [UInt8] = []
  }

  private static let refused: [Refused] = [
    Refused(
      reason: "METADATA_TOO_LARGE", status: 8, headers: (0..<150).map { ("field-\($0)", "x") }),
    Refused(reason: "METADATA_INVALID", status: 3, headers: [("some-bin", "no base64!")]),
    Refused(reason: "METADATA_INVALID", status: 3, headers: [("grpc-timeout", "soon")]),
    Refused(reason: "COMPRESSION_UNSUPPORTED", status: 12, headers: [("grpc-encoding", "gzip")]),
    Refused(reason: "METHOD_UNKNOWN", status: 12, method: "Nothing"),
    Refused(reason: "COMPRESSION_UNSUPPORTED", status: 12, method: "Collect", body: [1, 0, 0, 0, 0]),
    Refused(reason: "MESSAGE_MALFORMED", status: 13, method: "Collect", body: [9, 0, 0, 0, 0]),
    Refused(reason: "MESSAGE_MALFORMED", status: 13, method: "Collect", body: [0, 0, 0, 0, 5, 1]),
    Refused(reason: "MESSAGE_TOO_LONG", status: 8, method: "Collect", body: [0, 255, 0, 0, 0]),
    Refused(
      reason: "DEADLINE_EXCEEDED", status: 4, method: "Hang", headers: [("grpc-timeout", "1m")],
      body: [0, 0, 0, 0, 0]),
  ]

  /// What is answered without the handler has a reason, as what handlers answer has.
  @Test(arguments: refused)
  func refusalsSayWhy(_ refused: Refused) async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening
          + RawPeer.request("/test.Echo/\(refused.method)", stream: 1, refused.headers)
          + RawPeer.frame(0, flags: 1, stream: 1, refused.body))
      let trailers = try peer.readTrailers(stream: 1)
      #expect(trailers["grpc-status"] == "\(refused.status)")
      #expect(trailers["refused-because"] == refused.reason)
    }
  }

  @Test func callsAboveThePeersStreamLimitWaitForRoom() async throws {
    try await Harness.withServer(limits: Self.limits { $0.concurrentStreamsMax = 4 }) { server in
      try await Harness.withClient(of: [server.address]) { client in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<100 {
            group.addTask {
              let echoed = try await client.echo([UInt8(number)])
              #expect(echoed == [UInt8(number)])
            }
          }
          try await group.waitForAll()
        }
      }
    }
  }

  @Test func tooManyWaitingCallsAreRefused() async throws {
    let limits = Self.limits {
      $0.concurrentStreamsMax = 1
      $0.waitingCallsMax = 1
    }
    try await Harness.withServer(limits: limits) { server in
      try await Harness.withClient(of: [server.address], limits: limits) { client in
        _ = try await client.echo([])
        await withTaskGroup(of: RPCError.Code?.self) { group in
          for _ in 0..<3 {
            group.addTask {
              do {
                _ = try await client.echo([], .hang)
                return nil
              } catch {
                return (error as? RPCError)?.code
              }
            }
          }
          // One runs, one waits, one is refused.
          let first = await group.next() ?? nil
          #expect(first == .resourceExhausted)
          group.cancelAll()
        }
      }
    }
  }
}
