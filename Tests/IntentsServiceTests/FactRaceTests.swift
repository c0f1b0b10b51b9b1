import GRPCCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

/// A fact reaches intents twice: with the answer of the call, and repeated by the relay, in either
/// order. It counts once.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct FactRaceTests {
  /// What gateway-router's relay sends about the only operation there is.
  private static func repeated(
    _ harness: IntentsHarness, by client: IntentsHarness.Client, key: String
  ) async throws -> [String] {
    let row = try await harness.database.query("select intent_id, id from operation").single()
    let (intent, operation) = try row.decode((PaymentIntentID, OperationID).self)
    let fact = GatewayV1.Fact(
      operationID: operation.description, intentID: intent.description,
      merchantID: IntentsHarness.merchant.description, sequence: 1, kind: .captured,
      amount: CommonV1.Money(currency: "EUR", amountMinor: 4_999), gateway: "stripe",
      gatewayAccount: "test", gatewayReference: "pi_test")
    let response = try await IntentsV1.PaymentFacts.Client(wrapping: client).applyFacts(
      IntentsV1.ApplyFactsRequest(facts: [fact]), metadata: OutgoingCall.metadata(key: key))
    return response.results.map(\.result)
  }

  private static func expectOneCapture(_ harness: IntentsHarness) async throws {
    let row = try await harness.database.query(
      """
      select (select status from payment_intent), (select applied_sequence from operation),
        (select count(*) from capture where state = 2),
        (select count(*) from outbox where destination = 'ledger'),
        (select count(*) from payment_intent_change where cause like 'fact:%')
      """
    ).single()
    let found = try row.decode((Int16, Int32, Int64, Int64, Int64).self)
    #expect(found == (5, 1, 1, 1, 1))
  }

  /// The answer finds the intent changed since T1: it is read again, nothing is applied twice.
  @Test func theRepetitionComesBeforeTheAnswer() async throws {
    try await IntentsHarness.with { harness in
      try await harness.withClient { client in
        async let answer = IntentsHarness.pay(client, key: "early")
        await harness.happenings.wait(for: .routerAsked)
        let results = try await harness.withClient(as: "spiffe://tender/service/gateway-router") {
          try await Self.repeated(harness, by: $0, key: "facts/early")
        }
        #expect(results == ["applied"])
        harness.router.gate.open()
        let intent = try await answer.intent
        #expect(intent.status == .succeeded && intent.amountCapturedMinor == 4_999)
      }
      try await Self.expectOneCapture(harness)
    }
  }

  @Test func theRepetitionComesAfterTheAnswer() async throws {
    try await IntentsHarness.with { harness in
      harness.router.gate.open()
      let paid = try await harness.withClient { try await IntentsHarness.pay($0, key: "late") }
      #expect(paid.intent.status == .succeeded)
      let results = try await harness.withClient(as: "spiffe://tender/service/gateway-router") {
        try await Self.repeated(harness, by: $0, key: "facts/late")
      }
      #expect(results == ["duplicate"])
      try await Self.expectOneCapture(harness)
    }
  }
}
