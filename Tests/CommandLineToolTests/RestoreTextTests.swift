import Money
import Testing
import Wire

@testable import CommandLineTool

/// What people read of a restore: every state says what comes next.
struct RestoreTextTests {
  private static func restore(
    _ change: (inout GatewayV1.Restore) -> Void = { _ in }
  ) -> [String] {
    var restore = GatewayV1.Restore(
      id: "rst_" + String(repeating: "a", count: 28),
      pointAt: GoogleProtobuf.Timestamp(Timestamp(seconds: 1_700_000_000)), state: .closed,
      reason: "drill", begunBy: "operator:ann",
      begunAt: GoogleProtobuf.Timestamp(Timestamp(seconds: 1_700_000_100)),
      readings: [
        GatewayV1.RestoreReading(
          account: "stripe:main",
          listedFrom: GoogleProtobuf.Timestamp(Timestamp(seconds: 1_699_913_600)),
          itemsRead: 1_234_567, itemsForeign: 12, error: "HTTP 503", subject: "payments")
      ])
    change(&restore)
    return RestoreRow(restore).lines
  }

  @Test func aClosedOneSaysWhatIsMissingAndWhatComesNext() {
    let lines = Self.restore { $0.unproven = ["1 payments are for people"] }
    #expect(lines.contains("unproven: 1 payments are for people"))
    #expect(lines.contains("  HTTP 503"))
    #expect(!lines.contains { $0.contains("everything is proven") })
    #expect(lines.allSatisfy { $0.count <= 100 }, "\(lines)")
    #expect(Self.restore().last == "everything is proven: tender restore open")
    let asked = Self.restore { restore in
      restore.unproven = ["x"]
      restore.openAskedBy = "operator:ann"
    }
    #expect(asked.last?.contains("--as approver") == true)
  }

  @Test func anOpenOneSaysWhoOpenedAndWhatWasUnproven() {
    let lines = Self.restore { restore in
      restore.state = .open
      restore.unproven = ["x"]
      restore.openedBy = "operator:bob"
    }
    #expect(lines.contains("was unproven: x"))
    #expect(lines.last?.contains("operator:bob") == true)
  }

  @Test func whatPeopleSaidIsShownAndFits() {
    var payment = GatewayV1.RestoredPayment(
      gateway: "stripe", gatewayAccount: "main",
      gatewayReference: "pi_" + String(repeating: "x", count: 24),
      ownReference: "ta" + String(repeating: "a", count: 29), state: .forPeople,
      amount: CommonV1.Money(currency: "EUR", amountMinor: 123_456_789),
      createdAt: GoogleProtobuf.Timestamp(Timestamp(seconds: 1_700_000_000)),
      detail: String(repeating: "long ", count: 40), verdict: .nothingLeft,
      verdictBy: "operator:ann")
    let row = RestoredPaymentRow(payment)
    #expect(row.lines.count == 3 && row.lines.allSatisfy { $0.count <= 100 }, "\(row.lines)")
    #expect(row.lines.last == "  operator:ann says nothing-left")
    payment.verdictBy = ""
    #expect(RestoredPaymentRow(payment).lines.count == 2)
    for verdict in VerdictArgument.allCases { #expect(VerdictArgument(verdict.wire) == verdict) }
  }
}
