import Testing
import Wire

@testable import CommandLineTool

/// `tender show` in words.
struct RouteStoryTests {
  private static let at = GoogleProtobuf.Timestamp(seconds: 1_768_478_400)

  private static func attempt(
    _ sequence: UInt32, _ gateway: String, _ disposition: GatewayV1.AttemptDisposition,
    _ evidence: String, _ reversal: GatewayV1.Reversal? = nil,
    look: GoogleProtobuf.Timestamp? = nil
  ) -> GatewayV1.Attempt {
    GatewayV1.Attempt(
      sequence: sequence, gateway: gateway, disposition: disposition, evidence: evidence,
      evidenceDetail: "why", nextLookAt: look, reversal: reversal)
  }

  private static func story(
    _ attempts: [GatewayV1.Attempt], _ reason: GatewayV1.OperationCloseReason = .unspecified,
    giveUpAt: GoogleProtobuf.Timestamp? = nil
  ) -> [String] {
    RouteStory.lines([
      GatewayV1.Operation(attempts: attempts, closeReason: reason, giveUpAt: giveUpAt)
    ])
  }

  @Test func aFenceAndAWinner() {
    #expect(
      Self.story([
        Self.attempt(1, "stripe", .condemned, "canceled"),
        Self.attempt(2, "adyen", .winner, "captured"),
      ]) == [
        "1. stripe was fenced: it answered that the payment is canceled", "2. adyen won: captured",
      ])
  }

  @Test func whyAGatewayCameFirst() {
    var attempt = Self.attempt(1, "adyen", .winner, "captured")
    attempt.decision = GatewayV1.RouteDecision(
      version: 3, rule: "eu-cards", reason: "split",
      skips: [GatewayV1.RouteSkip(gatewayAccount: "stripe:main", reason: "breaker_open")])
    #expect(
      Self.story([attempt]) == [
        "1. adyen won: captured",
        "chosen by version 3 of the rules, rule eu-cards, by its split; stripe:main was left out: "
          + "its breaker was open",
      ])
  }

  @Test func whatIsGivenBackAndWhen() {
    let due = GatewayV1.Reversal(tries: 1, condemnedAt: Self.at, nextTryAt: Self.at)
    let done = GatewayV1.Reversal(tries: 2, condemnedAt: Self.at, finishedAt: Self.at)
    #expect(
      Self.story([
        Self.attempt(1, "stripe", .condemned, "unknown", due),
        Self.attempt(2, "adyen", .condemned, "refunded", done),
      ], .gaveUp) == [
        "1. stripe is out (unknown) and will be given back: try 2 at 2026-01-15T12:00:00Z",
        "2. adyen was given back: refunded", "it was given up: its outcome stayed unknown",
      ])
  }

  @Test func whatIsOpenSaysWhatHappensNext() {
    #expect(
      Self.story(
        [Self.attempt(1, "stripe", .open, "unknown", look: Self.at)], giveUpAt: Self.at) == [
          "1. stripe was asked: unknown (why); looked at again at 2026-01-15T12:00:00Z",
          "nothing has won yet; what is unknown is given up at 2026-01-15T12:00:00Z",
        ])
  }
}
