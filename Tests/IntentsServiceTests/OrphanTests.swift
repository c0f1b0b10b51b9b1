import GRPCCore
import LedgerCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import Wire

/// Money that is nobody's payment: told, booked twice with one amount, and nothing about the payment
/// changes.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct OrphanTests {
  private static let attempts = (
    AttemptID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0d01),
    AttemptID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0d02)
  )

  private static func fact(
    _ kind: GatewayV1.FactKind, of attempt: AttemptID, sequence: UInt32, movement: String = "",
    _ harness: IntentsHarness
  ) async throws -> GatewayV1.Fact {
    let row = try await harness.database.query("select intent_id, id from operation").single()
    let (intent, operation) = try row.decode((PaymentIntentID, OperationID).self)
    return GatewayV1.Fact(
      operationID: operation.description, intentID: intent.description,
      merchantID: IntentsHarness.merchant.description, sequence: sequence, kind: kind,
      amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999), gateway: "adyen",
      gatewayAccount: "test", gatewayReference: "psp_1", attemptID: attempt.description,
      movementID: movement)
  }

  private static func tell(
    _ harness: IntentsHarness, _ facts: [GatewayV1.Fact], key: String
  ) async throws -> [String] {
    try await harness.withClient(as: "spiffe://tender/service/gateway-router") { client in
      try await IntentsV1.PaymentFacts.Client(wrapping: client).applyFacts(
        IntentsV1.ApplyFactsRequest(facts: facts), metadata: OutgoingCall.metadata(key: key)
      ).results.map(\.result)
    }
  }

  @Test func anOrphanIsBookedTwiceAndChangesNothingElse() async throws {
    try await IntentsHarness.with { harness in
      try await harness.withClient { client in
        let id = try await RefundTests.paid(harness, client)
        let before = try await RefundTests.intent(client, id)
        let facts = [
          try await Self.fact(.orphanCaptured, of: Self.attempts.0, sequence: 2, harness),
          try await Self.fact(.orphanCaptured, of: Self.attempts.1, sequence: 3, harness),
          try await Self.fact(.orphanReversed, of: Self.attempts.0, sequence: 4, harness),
          try await Self.fact(.orphanReversed, of: Self.attempts.1, sequence: 5, harness),
        ]
        #expect(try await Self.tell(harness, facts, key: "f1") == facts.map { _ in "applied" })
        #expect(try await Self.tell(harness, facts, key: "f2") == facts.map { _ in "duplicate" })
        let after = try await RefundTests.intent(client, id)
        // It is no step of the payment: neither its version nor its history knows of it.
        #expect(after.status == before.status && after.version == before.version)
        #expect(after.amountCapturedMinor == 4_999 && after.amountRefundableMinor == 4_999)
        #expect(after.amountRefundedMinor == 0 && after.gateway == before.gateway)
      }
      let postings = try await RefundTests.postings(harness)
      #expect(
        postings.map(\.kind) == [
          "capture", "orphan_capture", "orphan_capture", "orphan_reversal", "orphan_reversal",
        ])
      #expect(Set(postings.map(\.transactionID)).count == 5, "each movement has a name of its own")
      func legs(_ posting: LedgerV1.PostingCommand) -> [String] {
        posting.entries.map { "\($0.accountCode) \($0.side) \($0.amount?.amountMinor ?? 0)" }.sorted()
      }
      #expect(
        legs(postings[1]) == [
          "gateway_clearing:adyen:test \(LedgerV1.NormalSide.debit) 4999",
          "orphan_receipts:adyen:test \(LedgerV1.NormalSide.credit) 4999",
        ])
      #expect(
        legs(postings[3]) == [
          "gateway_clearing:adyen:test \(LedgerV1.NormalSide.credit) 4999",
          "orphan_receipts:adyen:test \(LedgerV1.NormalSide.debit) 4999",
        ])
      let types = try await harness.database.query(
        "select payload from outbox where destination = 'webhooks' order by sequence"
      ).map { try WebhooksV1.EventToPublish(decoding: $0[0, as: [UInt8].self], strict: false).type }
      #expect(
        types.suffix(4) == [
          "payment_intent.orphan_captured", "payment_intent.orphan_captured",
          "payment_intent.orphan_reversed", "payment_intent.orphan_reversed",
        ])
      let changes = try await harness.database.query(
        "select 1::int from payment_intent_change where cause like 'fact:orphan%'")
      #expect(changes.isEmpty)
      let alerts = try await harness.database.query("select kind from alert")
      #expect(alerts.isEmpty)
    }
  }

  /// The bank's movement is the way back, under the name that the gateway's report has for it.
  @Test func whatTheBankTookBackIsBookedByItsMovement() async throws {
    try await IntentsHarness.with { harness in
      try await harness.withClient { client in
        _ = try await RefundTests.paid(harness, client)
        let facts = [
          try await Self.fact(.orphanCaptured, of: Self.attempts.0, sequence: 2, harness),
          try await Self.fact(
            .orphanReversed, of: Self.attempts.0, sequence: 3, movement: "du_1", harness),
        ]
        #expect(try await Self.tell(harness, facts, key: "f1") == facts.map { _ in "applied" })
      }
      let posting = try #require(try await RefundTests.postings(harness).last)
      #expect(posting.kind == "orphan_reversal")
      let movement = Movement(
        account: GatewayAccount(gateway: "adyen", account: "test"), kind: .orphanReversal,
        source: .gatewayMovement("du_1"))
      let name = LedgerTransactionID(bytes: SHA256.hash(movement.canonicalText).prefix(16))
      #expect(posting.transactionID == name?.description)
    }
  }
}
