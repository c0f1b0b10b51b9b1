import GatewayCore
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// A dead first gateway costs the payer less than the budget: probe and send, fence, second
/// authorisation and commit.
@Suite(.timeLimit(.minutes(2)), .serialized, .freshDatabase(service: "gateway"))
struct BudgetTests {
  private static func answer(
    _ harness: GatewayHarness
  ) async throws -> (facts: [GatewayV1.Fact], took: Duration) {
    let clock = ContinuousClock()
    let started = clock.now
    let facts = try await harness.first.execute(harness.order())
    return (facts, clock.now - started)
  }

  private static func expectElsewhere(
    _ harness: GatewayHarness, within limit: Duration, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let (facts, took) = try await answer(harness)
    #expect(took < limit, sourceLocation: sourceLocation)
    #expect(
      facts.contains { $0.kind == .authorized && $0.gateway == "adyen" },
      sourceLocation: sourceLocation)
  }

  @Test func refusingConnections() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.refuseConnections("stripe")
      try await Self.expectElsewhere(harness, within: .seconds(1.5))
    }
  }

  @Test func blackHoled() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("stripe")
      try await Self.expectElsewhere(harness, within: .seconds(4))
    }
  }

  @Test func answering500WithoutActing() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "error_500", on: [], count: 1_000)
      try await Self.expectElsewhere(harness, within: .seconds(3))
    }
  }

  @Test func answering500AfterActing() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.inject("stripe", "error_500_after", on: [], count: 1_000)
      try await Self.expectElsewhere(harness, within: .seconds(3))
      try await harness.gateways.heal()
      try await harness.work {
        try await harness.gateways.payments().contains { $0.status == "canceled" }
      }
    }
  }

  /// Both hang: the caller hears `unknown` in time, and nobody is charged.
  @Test func bothBlackHoled() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.blackHole("stripe")
      try await harness.gateways.blackHole("adyen")
      let (facts, took) = try await Self.answer(harness)
      #expect(facts.map(\.kind) == [.unknown, .unknown])
      #expect(took < .seconds(4.8))
    }
  }
}
