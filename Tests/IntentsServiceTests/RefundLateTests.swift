import GRPCCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

/// What the gateway tells of a refund after its answer.
extension RefundTests {
  static func tell(
    _ harness: IntentsHarness, _ fact: GatewayV1.Fact, key: String
  ) async throws -> [String] {
    try await harness.withClient(as: "spiffe://tender/service/gateway-router") { client in
      try await IntentsV1.PaymentFacts.Client(wrapping: client).applyFacts(
        IntentsV1.ApplyFactsRequest(facts: [fact]), metadata: OutgoingCall.metadata(key: key)
      ).results.map(\.result)
    }
  }

  /// Done, then back: a failure of its own in state, events and books, and its amount is free again.
  @Test func aRefundThatComesBackReleasesItsAmount() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let done = try await Self.refund(client, id, 4_999, key: "k").refund
        #expect(done.status == .succeeded)
        let fact = try harness.router.refunds.later(.refundFailed, about: done.id)
        #expect(try await Self.tell(harness, fact, key: "f1") == ["applied"])
        #expect(try await Self.tell(harness, fact, key: "f2") == ["duplicate"])
        let back = try await Self.get(client, done.id)
        #expect(back.status == .failed && back.failure?.gatewayCode == "expired_card")
        #expect(back.version == done.version + 1)
        let after = try await Self.intent(client, id)
        #expect(after.amountRefundedMinor == 0 && after.amountRefundableMinor == 4_999)
        #expect(after.status == .succeeded)
        #expect(try await Self.refund(client, id, 4_999, key: "again").refund.status == .succeeded)
      }
      #expect(
        try await Self.events(harness) == [
          "refund.created", "refund.succeeded", "refund.failed", "refund.created",
          "refund.succeeded",
        ])
      let postings = try await Self.postings(harness)
      #expect(postings.map(\.kind) == ["capture", "refund", "refund_failed", "refund"])
      #expect(Set(postings.map(\.transactionID)).count == 4)
      let sides = postings[1...2].map { $0.entries.map { "\($0.accountCode) \($0.side)" }.sorted() }
      #expect(sides[0] != sides[1], "the second takes the first back")
    }
  }

  /// Accepted first, refused later: nothing was booked, nothing is to be taken back.
  @Test func anAcceptedRefundThatFailsIsNotBooked() async throws {
    try await IntentsHarness.with { harness in
      harness.router.refundGate.open()
      harness.router.refunds.behave(.acceptOnly)
      try await harness.withClient { client in
        let id = try await Self.paid(harness, client)
        let asked = try await Self.refund(client, id, 1_000, key: "k").refund
        #expect(asked.status == .pending && asked.pendingReason == .gatewayPending)
        #expect(try await Self.intent(client, id).amountRefundableMinor == 3_999)
        let fact = try harness.router.refunds.later(.refundFailed, about: asked.id)
        #expect(try await Self.tell(harness, fact, key: "f1") == ["applied"])
        #expect(try await Self.intent(client, id).amountRefundableMinor == 4_999)
      }
      #expect(
        try await Self.events(harness) == ["refund.created", "refund.updated", "refund.failed"])
      #expect(try await Self.postings(harness).map(\.kind) == ["capture"])
    }
  }
}
