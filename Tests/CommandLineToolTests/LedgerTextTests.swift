import Testing
import Wire

@testable import CommandLineTool

/// Transactions, holds and limits as people write and see them.
struct LedgerTextTests {
  @Test func aLineIsATransaction() throws {
    let line = try PostingLine(
      "conversion: debit fx_liquidity:a:b 1.00 EUR,credit bank:c 1.00 EUR, debit bank:d 2 JPY")
    #expect(line.kind == "conversion")
    #expect(line.entries.map(\.accountCode) == ["fx_liquidity:a:b", "bank:c", "bank:d"])
    #expect(line.entries.map(\.side) == [.debit, .credit, .debit])
    #expect(line.entries.map { $0.amount?.amountMinor } == [100, 100, 2])
    #expect(line.entries.map { $0.amount?.currency } == ["EUR", "EUR", "JPY"])
  }

  @Test(arguments: [
    ("debit bank:a 1.00 EUR", "names no kind"), ("fee: bank:a 1.00 EUR", "is no leg"),
    ("fee: debit bank:a 1.00", "is no leg"), ("fee: debit bank:a one EUR", "is no amount"),
    ("fee: debit bank:a -1 EUR", "is no amount"), ("fee: Debit bank:a 1 EUR", "is no leg"),
    ("fee: debit bank:a 1.00 XXQ", "no currency"), (": debit bank:a 1 EUR", "names no kind"),
  ])
  func wrongLines(_ text: String, _ expected: String) {
    do {
      _ = try PostingLine(text)
      Issue.record("\(text) was read")
    } catch {
      #expect("\(error)".contains(expected))
      #expect((error as? Failure)?.status == .usage)
    }
  }

  @Test func limitsMayBeZeroAndNegative() throws {
    #expect(try LedgerLimit.minor("0", "EUR") == 0)
    #expect(try LedgerLimit.minor("-5.00", "EUR") == -500)
    #expect(try LedgerLimit.minor("100", "JPY") == 100)
    #expect(try LedgerLimit.minor(nil, "EUR") == nil)
    for text in ["", "-", "--1", "1,5", "5.001"] {
      #expect(throws: Failure.self) { try LedgerLimit.minor(text, "EUR") }
    }
  }

  /// What is held and limited has a table of its own, so that others stay as they were.
  @Test func accountsWithHoldsAndLimits() {
    let plain = LedgerV1.Account(
      code: "bank:a", currency: "EUR", normalSide: .debit, debitsPostedMinor: 100,
      balanceMinor: 100)
    var special = plain
    special.code = "merchant_payable"
    special.debitsPendingMinor = 40
    special.minimumBalanceMinor = 0
    let lines = LedgerAccounts.table([plain, special].map { LedgerAccounts.Row($0) })
    #expect(LedgerAccounts.table([LedgerAccounts.Row(plain)]).count == 2)
    #expect(lines.count == 6 && lines[3].isEmpty)
    #expect(lines[5].contains("0.40 EUR") && lines[5].contains("none"))
    #expect(lines.allSatisfy { $0.count <= 100 })
    let cells = LedgerAccounts.csv([LedgerAccounts.Row(special)]).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).count
    }
    #expect(cells == [11, 11])
    var closed = plain
    closed.closed = true
    let shown = LedgerAccounts.table([LedgerAccounts.Row(closed)])
    #expect(shown.count == 5 && shown[4].hasSuffix("yes") && lines[5].hasSuffix("no"))
  }

  @Test func metadataIsPairs() throws {
    let pairs = try LedgerText.metadata(["payment_method=card", "note=a=b", "empty="])
    #expect(pairs.map { "\($0.key) \($0.value)" } == ["payment_method card", "note a=b", "empty "])
    for text in ["", "card", "=card"] {
      #expect(throws: Failure.self) { try LedgerText.metadata([text]) }
    }
  }

  @Test func metadataIsShownBehindWhatHasIt() {
    #expect(LedgerText.metadataTable([("ltx_a", [:])]).isEmpty)
    let id = "ltx_" + String(repeating: "a", count: 28)
    let long = String(repeating: "x", count: 500)
    let lines = LedgerText.metadataTable([(id, ["b": long, "a": "1"]), ("ltx_b", [:])])
    #expect(lines.count == 4 && lines[2].hasSuffix("a=1") && lines[3].hasSuffix("…"))
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(LedgerText.text(["b": "2", "a": "1"]) == "a=1; b=2")
  }

  @Test func aPartOfAHold() throws {
    func entry(_ code: String) -> LedgerV1.Entry {
      LedgerV1.Entry(
        accountCode: code, side: .debit,
        amount: CommonV1.Money(currency: "EUR", amountMinor: 900))
    }
    let held = LedgerV1.Transaction(entries: [entry("a"), entry("b")])
    #expect(try LedgerPostPending.part(nil, of: held).isEmpty)
    #expect(
      try LedgerPostPending.part("5.00", of: held).map { $0.amount?.amountMinor } == [500, 500])
    var three = held
    three.entries.append(entry("c"))
    #expect(throws: Failure.self) { try LedgerPostPending.part("5.00", of: three) }
  }
}
