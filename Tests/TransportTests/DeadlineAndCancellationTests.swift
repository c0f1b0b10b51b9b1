import GRPCCore
import Reactor
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1)))
struct DeadlineAndCancellationTests {
  @Test func theTaskDeadlineTravelsAndEndsTheCallOnBothSides() async throws {
    try await Harness.withEcho(.tender) { client, probe in
      _ = try await client.echo([])
      let deadline = Deadline.after(.seconds(3))
      let error = await #expect(throws: RPCError.self) {
        try await Deadline.$current.withValue(deadline) {
          _ = try await client.echo([], .hang)
        }
      }
      #expect(error?.code == .deadlineExceeded)
      await probe.wait(for: .cancelled)
      let seen = try #require(probe.deadline)
      // It travels as what is left, so it is later at the server by the way there.
      let difference = deadline.instant.duration(to: seen.instant)
      #expect(difference > .milliseconds(-1) && difference < .seconds(3))
    }
  }

  /// Guards servers against callers whose reset is lost: they know the time from the start.
  @Test(arguments: [nil, 200, 20_000])
  func aCallTimeoutTravelsUnlessTheTaskHasAnEarlierDeadline(_ seconds: Int64?) async throws {
    try await Harness.withEcho(.tender) { client, probe in
      var options = CallOptions.defaults
      options.timeout = .seconds(2_000)
      let deadline = seconds.map { Deadline.after(.seconds($0)) }
      await withTaskGroup(of: Void.self) { [options] group in
        group.addTask {
          _ = await #expect(throws: RPCError.self) {
            try await Deadline.$current.withValue(deadline) {
              _ = try await client.echo([], .hang, options: options)
            }
          }
        }
        await probe.wait(for: .started)
        group.cancelAll()
      }
      await probe.wait(for: .cancelled)
      let left = try #require(probe.deadline).remaining
      #expect(left < .seconds(min(seconds ?? 2_000, 2_000) + 1))
      #expect(left > .seconds(min(seconds ?? 2_000, 2_000) - 100))
    }
  }

  @Test func theServerEnforcesADeadlineThatTheClientForgets() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Hang", stream: 1, [("grpc-timeout", "2S")])
          + RawPeer.message([], stream: 1, ends: true))
      let trailers = try peer.readTrailers(stream: 1)
      #expect(trailers["grpc-status"] == "4")
      await server.probe.wait(for: .cancelled)
    }
  }

  @Test func aDeadlineBoundsTheWaitForAConnection() async throws {
    // A listener that never answers a handshake.
    let listener = try Socket.listen(at: .loopback(port: 0))
    defer { RawPeer.close(listener) }
    let address = try #require(SocketAddress.local(of: listener))
    try await Harness.withClient(of: [address]) { client in
      let error = await #expect(throws: RPCError.self) {
        try await Deadline.$current.withValue(.after(.milliseconds(200))) {
          _ = try await client.echo([])
        }
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test func aLostConnectionCancelsTheHandler() async throws {
    try await Harness.withServer { server in
      let peer = try RawPeer(to: server.address)
      try peer.send(
        RawPeer.opening + RawPeer.request("/test.Echo/Hang", stream: 1)
          + RawPeer.message([], stream: 1, ends: true))
      await server.probe.wait(for: .started)
      peer.close()
      await server.probe.wait(for: .cancelled)
    }
  }
}
