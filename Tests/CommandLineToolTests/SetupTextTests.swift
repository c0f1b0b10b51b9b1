import Testing
import Wire

@testable import CommandLineTool

/// What people read of a set-up, and the exit code it ends with.
struct SetupTextTests {
  private static let id = "seti_" + String(repeating: "a", count: 28)

  private static func answer(
    _ status: GatewayV1.SetupIntentStatus, failure: GatewayV1.SetupIntentFailure? = nil,
    gateway: String = "stripe", key: String? = nil, replayed: Bool = false
  ) -> SetupAnswer {
    SetupAnswer(
      GatewayV1.SetupIntent(
        id: id, paymentMethodID: "tok_" + String(repeating: "b", count: 28), currency: "EUR",
        status: status, failure: failure, gateway: gateway,
        gatewayReference: gateway.isEmpty ? "" : "seti_1QfRkT2eZvKYlo2C8xVbNm3P"),
      key: key, replayed: replayed)
  }

  @Test(arguments: [
    (.succeeded, .succeeded), (.failed, .declined), (.canceled, .declined),
    (.processing, .processing), (.unspecified, .processing), (.unrecognized(9), .processing),
  ] as [(GatewayV1.SetupIntentStatus, CommandLineTool.ExitStatus)])
  func exitCodes(status: GatewayV1.SetupIntentStatus, expected: CommandLineTool.ExitStatus) {
    #expect(CommandLineTool.ExitStatus(status) == expected)
  }

  @Test func aFailedOneSaysWhy() {
    let failure = GatewayV1.SetupIntentFailure(code: "insufficient_funds", gatewayCode: "12")
    let lines = Self.answer(.failed, failure: failure, key: "k-1", replayed: true).lines
    #expect(lines.first == "\(Self.id)  failed: insufficient_funds (the gateway says 12)")
    #expect(lines.contains("key       k-1  (replayed: the first call's answer)"))
    #expect(lines.allSatisfy { $0.count <= 100 }, "\(lines)")
  }

  @Test func anOpenOneSaysWhatComesNext() {
    let lines = Self.answer(.processing).lines
    #expect(lines.last == "looked at again by itself: tender setup show \(Self.id)")
    #expect(lines.allSatisfy { $0.count <= 100 }, "\(lines)")
    #expect(Self.answer(.succeeded).lines.count == 3)
    #expect(Self.answer(.failed, gateway: "").lines.contains("gateway   none"))
  }

  @Test func aWordAboutAContradictionSaysWhoIsMissing() {
    func lines(_ resolved: Bool, _ people: [String]) -> [String] {
      SetupReviewAnswer(
        Self.id, GatewayV1.ResolveSetupConflictResponse(resolved: resolved, people: people)
      ).lines
    }
    let said = lines(false, ["operator:ann"])
    #expect(said.first?.hasSuffix("looked at by operator:ann") == true)
    #expect(said.last == "another operator says so too: --as approver")
    let ended = lines(true, ["operator:ann", "operator:approver"])
    #expect(ended.first?.hasSuffix("by operator:ann and operator:approver") == true)
    #expect(ended.last == "no alert is open")
    #expect((said + ended).allSatisfy { $0.count <= 100 })
  }
}
