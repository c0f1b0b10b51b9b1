import Foundation
import GRPCCore
import Reactor
import TestSupport
import Testing
import Transport

/// Connecting, reconnecting, draining, reloading.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionLifeTests {
  private static func limits(_ change: (inout TransportLimits) -> Void) -> TransportLimits {
    var limits = TransportLimits()
    limits.tickMilliseconds = 20
    change(&limits)
    return limits
  }

  /// An address where nobody listens, on a loopback address of its own, so that no other test's
  /// server can get the port meanwhile.
  private static func freeAddress(line: Int = #line) async throws -> SocketAddress {
    let own = try #require(
      SocketAddress(host: "127.0.\(1 + line / 250).\(1 + line % 250)", port: 0))
    return try await Harness.withServer(address: own) { $0.address }
  }

  @Test func aRefusedFirstConnectFailsWaitingCalls() async throws {
    let free = try await Self.freeAddress()
    try await Harness.withClient(of: [free]) { client in
      let error = await #expect(throws: RPCError.self) { _ = try await client.echo([]) }
      #expect(error?.code == .unavailable)
    }
  }

  @Test func aCallThatWaitsForReadyOutlivesRefusedConnects() async throws {
    let free = try await Self.freeAddress()
    try await Harness.withClient(of: [free]) { client in
      try await withThrowingTaskGroup(of: [UInt8].self) { group in
        group.addTask {
          var options = CallOptions.defaults
          options.waitForReady = true
          return try await client.echo([5], options: options)
        }
        let error = await #expect(throws: RPCError.self) { _ = try await client.echo([]) }
        #expect(error?.code == .unavailable)
        try await Harness.withServer(address: free) { server in
          await server.probe.wait(for: .started)
        }
        let echoed = try await group.next()
        #expect(echoed == [5])
      }
    }
  }

  @Test func aClientReconnectsToARestartedServer() async throws {
    let address = try await Self.freeAddress()
    try await Harness.withClient(of: [address]) { client in
      for round in UInt8(0)..<3 {
        try await Harness.withServer(address: address) { _ in
          var options = CallOptions.defaults
          options.waitForReady = true
          let echoed = try await client.echo([round], options: options)
          #expect(echoed == [round])
        }
      }
    }
  }

  @Test func callsGoRoundTheAddresses() async throws {
    try await Harness.withServer { first in
      try await Harness.withServer { second in
        try await Harness.withClient(of: [first.address, second.address]) { client in
          // Until both are connected all calls go to one.
          while second.probe.number(of: .started) == 0 || first.probe.number(of: .started) == 0 {
            _ = try await client.echo([])
          }
          let before = (first.probe.number(of: .started), second.probe.number(of: .started))
          for _ in 0..<20 { _ = try await client.echo([]) }
          #expect(first.probe.number(of: .started) - before.0 == 10)
          #expect(second.probe.number(of: .started) - before.1 == 10)
        }
      }
    }
  }

  @Test func callsAvoidAnAddressThatRefuses() async throws {
    let free = try await Self.freeAddress()
    try await Harness.withServer { server in
      try await Harness.withClient(of: [free, server.address]) { client in
        for _ in 0..<20 { _ = try await client.echo([]) }
      }
      #expect(server.probe.number(of: .started) == 20)
    }
  }

  @Test func aShutdownLetsCallsFinish() async throws {
    try await Harness.withServer { server in
      try await Harness.withClient(of: [server.address]) { client in
        async let answer = client.echo([1, 2], .stall)
        await server.probe.wait(for: .started)
        server.transport.beginGracefulShutdown()
        try await Task.sleep(for: .milliseconds(50))
        server.probe.release()
        let counted = try await answer
        #expect(counted == Array("2".utf8))
        let error = await #expect(throws: RPCError.self) { _ = try await client.echo([]) }
        #expect(error?.code == .unavailable)
      }
    }
  }

  @Test func aServerThatHasEndedIsReleased() async throws {
    struct Ended: Sendable {
      weak let transport: HTTP2ServerTransport?
    }
    let ended = try await Harness.withServer { server in
      try await Harness.withClient(of: [server.address]) { client in
        _ = try await client.echo([])
        return Ended(transport: server.transport)
      }
    }
    #expect(ended.transport == nil)
  }

  @Test func aDrainIsCutAfterItsGrace() async throws {
    try await Harness.withServer(limits: Self.limits { $0.graceMilliseconds = 100 }) { server in
      try await Harness.withClient(of: [server.address]) { client in
        async let answer = client.echo([], .hang)
        await server.probe.wait(for: .started)
        server.transport.beginGracefulShutdown()
        do {
          _ = try await answer
          Issue.record("a call that never ends has ended")
        } catch {
          #expect((error as? RPCError)?.code == .unavailable)
        }
        await server.probe.wait(for: .cancelled)
      }
    }
  }

  /// Connections age out and are drained many times a second while calls run: none may fail.
  @Test func ageAndReloadUnderLoadFailNoCall() async throws {
    let files = try SharedCertificates.authority.get().issue(
      ["spiffe://tender/service/echo"], name: "reloaded")
    let identity = try TLSIdentity(files)
    let workers = try Workers()
    let limits = Self.limits { $0.ageMilliseconds = 60 }
    try await Harness.withServer(identity: identity, limits: limits) { server in
      try await Harness.withClient(of: [server.address]) { client in
        let calls = try await withThrowingTaskGroup(of: Int.self) { group in
          for worker in UInt8(0)..<8 {
            group.addTask {
              for _ in 0..<200 {
                let echoed = try await client.echo([worker])
                #expect(echoed == [worker])
              }
              return 200
            }
          }
          for _ in 0..<5 {
            _ = try SharedCertificates.authority.get().issue(
              ["spiffe://tender/service/echo"], name: "reloaded")
            try await identity.reload(on: workers)
          }
          return try await group.reduce(0, +)
        }
        #expect(calls == 1600)
        #expect(identity.generation == 6)
      }
    }
  }

  /// Guards the loop: files on a slow disk must not hold up every call.
  @Test func aReloadReadsNoFileOnTheLoop() async throws {
    let identity = try TLSIdentity(SharedCertificates.server.get())
    let workers = try Workers()
    let loop = EventLoop(name: "reload")
    try loop.start()
    try await withTaskExecutorPreference(loop) { try await identity.reload(on: workers) }
    await loop.shutdown(within: .seconds(5))
    #expect(loop.statistics.blockingCalls == 0)
    #expect(identity.generation == 2)
  }

  @Test func aFailedReloadKeepsWhatWasLoaded() async throws {
    let files = try SharedCertificates.authority.get().issue(
      ["spiffe://tender/service/echo"], name: "broken-later")
    let identity = try TLSIdentity(files)
    try Data("no certificate".utf8).write(to: URL(fileURLWithPath: files.chain))
    let workers = try Workers()
    await #expect(throws: TLSError.self) { try await identity.reload(on: workers) }
    #expect(identity.generation == 1)
    try await Harness.withServer(identity: identity) { server in
      try await Harness.withClient(of: [server.address]) { client in
        let echoed = try await client.echo([1])
        #expect(echoed == [1])
      }
    }
  }

  @Test func idleConnectionsAreClosedAndReopenedByTheNextCall() async throws {
    try await Harness.withServer(limits: Self.limits { $0.idleMilliseconds = 60 }) { server in
      try await Harness.withClient(of: [server.address]) { client in
        for _ in 0..<3 {
          let echoed = try await client.echo([1])
          #expect(echoed == [1])
          try await Task.sleep(for: .milliseconds(150))
        }
      }
    }
  }

  @Test func fiveHundredConnectionsLeaveNothingBehind() async throws {
    try await Harness.withServer { server in
      let identity = try TLSIdentity(SharedCertificates.client.get())
      let before = try Self.descriptorCount()
      for _ in 0..<500 {
        let peer = try RawPeer(to: server.address, identity: identity)
        try peer.send(RawPeer.opening)
        peer.close()
      }
      try await Harness.withClient(of: [server.address]) { client in
        _ = try await client.echo([])
      }
      // The server notices the last closes in its own time.
      var left = try Self.descriptorCount()
      for _ in 0..<3_000 where left > before + 40 {
        try await Task.sleep(for: .milliseconds(10))
        left = try Self.descriptorCount()
      }
      #expect(left <= before + 40)
    }
  }

  private static func descriptorCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }

  @Test func aUnixSocketServesToo() async throws {
    let path = "/tmp/tender-transport-\(getpid()).sock"
    defer { unlink(path) }
    let address = try #require(SocketAddress("unix:\(path)"))
    try await Harness.withServer(address: address) { server in
      try await Harness.withClient(of: [address]) { client in
        let echoed = try await client.echo([9])
        #expect(echoed == [9])
      }
      #expect(server.address == address)
    }
  }

  @Test func cancellingListenAndConnectEndsThem() async throws {
    let loop = EventLoop(name: "cancel")
    try loop.start()
    let transport = HTTP2ServerTransport(
      loop: loop, address: .loopback(port: 0), tls: try TLSIdentity(SharedCertificates.server.get()),
      logger: Harness.quiet)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await transport.listen { _, _ in } }
      let address = try await transport.listeningAddress()
      let client = HTTP2ClientTransport(
        loop: loop, addresses: [address], tls: try TLSIdentity(SharedCertificates.client.get()),
        expecting: .service("echo"), logger: Harness.quiet)
      group.addTask { try await client.connect() }
      group.cancelAll()
      try await group.waitForAll()
    }
    _ = await loop.shutdown(within: .seconds(1))
  }
}
