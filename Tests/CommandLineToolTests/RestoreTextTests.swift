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

  /// Two accounts may have the same id: nobody settles the wrong one.
  @Test func anAmbiguousReferenceIsRefused() throws {
    let found = [("a", "rst_2"), ("a", "rst_1"), ("b", "rst_2")].map { account, restore in
      GatewayV1.RestoredPayment(
        gateway: "stripe", gatewayAccount: account, gatewayReference: "pi_1", state: .forPeople,
        restoreID: restore)
    }
    let choose = { (reference: String, account: String?) throws(Failure) in
      try RestoreSettle.chosen(reference, at: account, of: found)
    }
    do {
      _ = try choose("pi_1", nil)
      Issue.record("one was chosen")
    } catch {
      #expect(error.message == "pi_1 was found at stripe:a and at stripe:b")
      #expect(error.nextStep == "add --account stripe:a or --account stripe:b")
      #expect(error.status == .usage)
    }
    #expect(try choose("pi_1", "stripe:a") == found[0])
    #expect(try choose("pi_1", "stripe:b") == found[2])
    #expect(throws: Failure.self) { try choose("pi_1", "adyen:c") }
    #expect(throws: Failure.self) { try choose("pi_2", nil) }
    #expect(try RestoreSettle.chosen("pi_1", at: nil, of: Array(found.prefix(2))) == found[0])
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
