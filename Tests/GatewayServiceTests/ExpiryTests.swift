import GatewayCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import GatewayService

/// An authorisation that nobody captures ends at the gateway by itself: 7 days at Stripe. Nobody here
/// asked for it, so that it is told as expired, and only on the gateway's word.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ExpiryTests {
  private static func held(_ harness: GatewayHarness) async throws -> OperationRecord {
    let order = harness.order(capture: .manual)
    #expect(try await harness.first.execute(order).kinds == [.authorized])
    return order
  }

  private static func capture(
    _ harness: GatewayHarness, _ order: OperationRecord
  ) async throws -> [GatewayV1.Fact] {
    let replica = harness.first
    return try await onLoop(replica.loop) {
      try await replica.flow.capture(
        order.id, of: order.intent, GatewayHarness.merchant, CaptureID(bits: order.id.bits),
        order.operation.amount)
    }
  }

  @Test func theGatewaysEventTellsOfIt() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.held(harness)
      let told = try await harness.first.execute(order)[0]
      let days = (told.expiresAt?.seconds ?? 0) - (told.occurredAt?.seconds ?? 0)
      #expect(days == 7 * 86_400)
      try await harness.gateways.advance(hours: 7 * 24 + 1)
      #expect(try await harness.books() == ["stripe canceled 0"])
      #expect(try await harness.first.execute(order).kinds == [.authorized], "time proves nothing")
      try await StripeEvent.deliver(
        order, status: "canceled", id: "evt_expired", to: harness.second, harness)
      #expect(try await harness.first.execute(order).kinds == [.authorized, .expired])
      let after = try await harness.first.load(order)
      #expect(after.story == ["1 stripe winner canceled"] && after.operation.isFinal)
      await #expect(throws: (any Error).self) { _ = try await Self.capture(harness, order) }
      #expect(try await harness.books() == ["stripe canceled 0"])
    }
  }

  /// No event came: the capture's refusal proves nothing, the look behind it does.
  @Test func aCaptureThatComesTooLateFindsItOut() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.held(harness)
      try await harness.gateways.advance(hours: 7 * 24 + 1)
      _ = try await Self.capture(harness, order)
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.first.execute(order).kinds == [.authorized, .expired])
      #expect(try await harness.books() == ["stripe canceled 0"])
    }
  }

  /// Given back because somebody here asked: that is no expiry.
  @Test func whatIsReleasedHereIsCanceled() async throws {
    try await GatewayHarness.with { harness in
      let order = try await Self.held(harness)
      _ = try await harness.first.close(order)
      try await harness.work { try await harness.first.load(order).operation.isFinal }
      #expect(try await harness.first.execute(order).kinds == [.authorized, .canceled])
    }
  }
}
