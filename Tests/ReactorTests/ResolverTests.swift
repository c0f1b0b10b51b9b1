import Testing

@testable import Reactor

@Suite struct ResolverTests {
  private static let address = IPAddress.v4(0x0102_0304)

  @Test(arguments: [("127.0.0.1", "127.0.0.1:9"), ("::1", "[::1]:9"), ("[::1]", "[::1]:9")])
  func numericHostsNeedNoLookup(host: String, expected: String) async throws {
    try await withLoop { loop in
      let resolver = try Resolver(loop: loop) { _ in .failure(.temporary) }
      let found = try await resolver.resolve(host, port: 9, within: .zero)
      #expect(found.map(\.description) == [expected])
    }
  }

  @Test(arguments: ["", "a b", "a\u{0}b", "[1.2.3.4]", "ü", String(repeating: "a", count: 254)])
  func refusesWhatIsNoName(host: String) async throws {
    try await withLoop { loop in
      let resolver = try Resolver(loop: loop)
      await #expect(throws: ResolverError.invalidName) {
        try await resolver.resolve(host, port: 9, within: .seconds(1))
      }
    }
  }

  @Test func theSystemKnowsLocalhost() async throws {
    try await withLoop { loop in
      let resolver = try Resolver(loop: loop)
      let found = try await resolver.resolve("localhost", port: 80, within: .seconds(60))
      #expect(found.contains(.loopback(port: 80)))
    }
  }

  @Test func callersShareOneLookupAndItsAnswerIsKept() async throws {
    try await withLoop { loop in
      let lookups = Shared(0)
      let gate = Gate()
      let resolver = try Resolver(loop: loop) { _ in
        lookups.change { $0 += 1 }
        gate.wait()
        return .success([Self.address])
      }
      let answers = Shared(0)
      for index in 0..<20 {
        loop.spawn(name: "caller") {
          let host = index % 2 == 0 ? "example.test" : "EXAMPLE.test"
          _ = try? await resolver.resolve(host, port: 1, within: .seconds(60))
          answers.change { $0 += 1 }
        }
      }
      gate.open()
      while answers.value < 20 { await Task.yield() }
      _ = try await resolver.resolve("example.test", port: 2, within: .seconds(60))
      #expect(lookups.value == 1)
    }
  }

  @Test func aHungLookupHoldsNobodyBeyondItsLimit() async throws {
    try await withLoop { loop in
      let gate = Gate()
      var limits = Resolver.Limits()
      limits.threadCount = 1
      limits.queuedMax = 1
      let resolver = try Resolver(loop: loop, limits: limits) { _ in
        gate.wait()
        return .success([Self.address])
      }
      let started = MonotonicInstant.now
      for host in ["a.test", "b.test"] {
        await #expect(throws: ResolverError.timedOut) {
          try await resolver.resolve(host, port: 1, within: .seconds(1))
        }
      }
      await #expect(throws: ResolverError.queueFull) {
        try await resolver.resolve("c.test", port: 1, within: .seconds(60))
      }
      #expect(started.duration(to: .now) < .seconds(30))
      gate.open()
      // The late answer is kept for the next caller.
      let late = try await resolver.resolve("a.test", port: 1, within: .seconds(60))
      #expect(late.count == 1)
    }
  }

  @Test func cancellationEndsTheWait() async throws {
    try await withLoop { loop in
      let gate = Gate()
      let resolver = try Resolver(loop: loop) { _ in
        gate.wait()
        return .failure(.notFound)
      }
      let task = loop.spawn(name: "caller") {
        await #expect(throws: ResolverError.cancelled) {
          try await resolver.resolve("a.test", port: 1, within: .seconds(600))
        }
      }
      task.cancel()
      await task.value
      gate.open()
    }
  }
}
