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
}
