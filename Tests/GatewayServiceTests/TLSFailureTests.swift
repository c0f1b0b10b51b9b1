import GatewayCore
import class GatewaySimulator.Simulator
import Outbound
import TestSupport
import Testing

@testable import GatewayService

/// A gateway whose TLS is broken, as a client of `https` sees it.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct TLSFailureTests {
  @Test func aBrokenHandshakeProvesThatNothingWasSent() async throws {
    try await GatewayHarness.with { harness in
      try await harness.gateways.breakTLS("stripe")
      let port = harness.gateways.simulator.stripePort
      let report = await harness.gateways.client.send(
        OutboundRequest(
          .post, "https://127.0.0.1:\(port)/v1/payment_intents", headers: [],
          body: Array("amount=4999".utf8), timeout: .seconds(10)))
      let facts = TransferFacts(report)
      #expect(facts.stage == .securing && facts.requestSize == 0, "\(report.sendProof)")
      let sent = SentRequest(
        purpose: .charge, send: .first, amount: harness.order().operation.amount, account: "main",
        ownReference: nil)
      let outcome = OutcomeRule.outcome(
        of: facts, nil, to: sent, DeclineTable.current.classify)
      guard case .notExecuted = outcome else {
        Issue.record("\(outcome)")
        return
      }
    }
  }
}
