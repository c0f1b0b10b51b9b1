import Testing
import Wire

@testable import CommandLineTool

/// Breaks as people see them.
struct ReconTextTests {
  private static func row(_ account: String, isLive: Bool) -> ReconBreakRow {
    ReconBreakRow(
      LedgerV1.ReconBreak(
        id: "rb_\(account)",
        gateway: "stripe",
        gatewayAccount: account,
        reconClass: .missingInternal,
        state: .opened,
        reported: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
        livemode: isLive
      )
    )
  }

  /// Live and test never stand in one table, nor do two accounts.
  @Test func eachOfTheBooksHasATableOfItsOwn() {
    let rows = [
      Self.row("acct_1", isLive: true), Self.row("acct_1", isLive: false),
      Self.row("acct_2", isLive: false), Self.row("acct_1", isLive: true),
    ]
    let lines = ReconBreakRow.tables(rows)
    let heads = lines.enumerated().filter { $0.element.hasPrefix("stripe:") }
    #expect(
      heads.map(\.element) == ["stripe:acct_1 live", "stripe:acct_1 test", "stripe:acct_2 test"]
    )
    #expect(heads.map(\.offset) == [0, 4, 7])
    #expect(lines.count == 10)
    #expect(rows.map(\.mode) == ["live", "test", "test", "live"])
    #expect(ReconBreakRow.csvHead.count == rows[0].cells.count)
  }
}
