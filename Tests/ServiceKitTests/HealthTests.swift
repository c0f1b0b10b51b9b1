import GRPCCore
import Logging
import Reactor
import TestSupport
import Testing
import Transport
import Wire

@testable import ServiceKit

/// grpc.health.v1 over a connection, up to the end of the process.
@Suite(.timeLimit(.minutes(1))) struct HealthTests {
  /// A served state, and a client that watches it.
  private func withWatch(
    _ body: @escaping @Sendable (
      HealthState, GRPCServer<HTTP2ServerTransport>,
      RPCAsyncSequence<GRPCHealthV1.HealthCheckResponse, any Error>
    ) async throws -> Void
  ) async throws {
    let certificates = try TestCertificates()
    let identity = try TLSIdentity(
      certificates.issue(["spiffe://tender/service/ledger"], name: "ledger"))
    try await withEventLoop { loop in
      let health = HealthState(services: ["tender.ledger.v1.Ledger"])
      let transport = HTTP2ServerTransport(loop: loop, address: .loopback(port: 0), tls: identity)
      let server = GRPCServer(transport: transport, services: [HealthHandler(state: health)])
      async let serving: Void = server.serve()
      let client = HTTP2ClientTransport(
        loop: loop, addresses: [try await transport.listeningAddress()], tls: identity,
        expecting: .service("ledger"))
      try await withGRPCClient(transport: client) { client in
        try await GRPCHealthV1.Health.Client(wrapping: client).watch(.init()) { response in
          try await body(health, server, response.messages)
        }
      }
      server.beginGracefulShutdown()
      try await serving
    }
  }

  @Test func aWatchLearnsEachChange() async throws {
    try await withWatch { health, _, messages in
      var messages = messages.makeAsyncIterator()
      let first = try await messages.next()
      #expect(first?.status == .notServing)
      for isServing in [true, false, true] {
        health.set(serving: isServing)
        let next = try await messages.next()
        #expect(next?.status == (isServing ? .serving : .notServing))
      }
      health.finish()
    }
  }

  /// Guards the ordered shutdown: a watch that stayed open would hold it up for the whole grace.
  @Test func aWatchLearnsThatTheProcessStopsAndEndsBeforeTheDrain() async throws {
    try await withWatch { health, server, messages in
      var messages = messages.makeAsyncIterator()
      health.set(serving: true)
      while try await messages.next()?.status != .serving {}
      health.finish()
      server.beginGracefulShutdown()
      let last = try await messages.next()
      #expect(last?.status == .notServing)
      // An OK status: a call that the drain cuts after its grace would throw.
      let end = try await messages.next()
      #expect(end == nil)
    }
  }

  @Test func nothingServesAfterTheEnd() async throws {
    let health = HealthState(services: [])
    health.set(serving: true)
    health.finish()
    health.set(serving: true)
    #expect(!health.isServing)
    // A watch that comes during the drain.
    var statuses: [Bool] = []
    let changes = try #require(health.changes())
    for await isServing in changes { statuses.append(isServing) }
    #expect(statuses == [false])
  }
}

extension TLSIdentity {
  fileprivate convenience init(_ files: TestCertificates.Files) throws {
    try self.init(chain: files.chain, key: files.key, authority: files.authority)
  }
}
