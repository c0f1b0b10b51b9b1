import LedgerCore
import Money
import Testing

@Suite struct ChartAndTemplateTests {
  let stripe = GatewayAccount(gateway: "stripe", account: "acct_test")

  @Test func everyLineIsUniqueAndOnTheSideOfItsClass() {
    #expect(Set(ChartOfAccounts.lines.map(\.segment)).count == ChartOfAccounts.lines.count)
    for line in ChartOfAccounts.lines {
      let expected: Side =
        [.asset, .expense].contains(line.accountClass) ? .debit : .credit
      #expect(line.normalSide == expected, "\(line.segment)")
    }
  }

  @Test(arguments: [
    ("bank", true), ("bank:a", true), ("gateway_clearing:stripe:acct_1.2-x", true), ("", false),
    (":", false), ("bank:", false), (":bank", false), ("bank::a", false), ("bank a", false),
    ("bänk", false), ("bank\u{0}", false), (String(repeating: "a", count: 120), true),
    (String(repeating: "a", count: 121), false),
  ])
  func codes(_ text: String, _ isValid: Bool) {
    #expect((AccountCode(text) != nil) == isValid)
  }

  @Test func anyTextMakesASegment() {
    #expect(AccountCode.segment(of: "DE: Müller & Co") == "DE__M__ller___Co")
    #expect(AccountCode.segment(of: "") == "_")
  }

  /// Each simple kind, as an accountant reads it.
  @Test(arguments: [
    (PostingKind.capture, "gateway_clearing:stripe:acct_test", "merchant_payable"),
    (.refund, "merchant_payable", "gateway_clearing:stripe:acct_test"),
    (.refundFailed, "gateway_clearing:stripe:acct_test", "merchant_payable"),
    (.directDebitReturn, "merchant_payable", "gateway_clearing:stripe:acct_test"),
    (.disputeOpened, "chargebacks:stripe:acct_test", "gateway_clearing:stripe:acct_test"),
    (.disputeWon, "gateway_clearing:stripe:acct_test", "chargebacks:stripe:acct_test"),
    (.fee, "gateway_fees:stripe:acct_test", "gateway_clearing:stripe:acct_test"),
    (.payout, "payouts_in_transit:stripe:acct_test", "gateway_clearing:stripe:acct_test"),
    (.reserveHeld, "rolling_reserve:stripe:acct_test", "gateway_clearing:stripe:acct_test"),
    (.reserveReleased, "gateway_clearing:stripe:acct_test", "rolling_reserve:stripe:acct_test"),
    (.orphanCapture, "gateway_clearing:stripe:acct_test", "orphan_receipts:stripe:acct_test"),
    (.orphanReversal, "orphan_receipts:stripe:acct_test", "gateway_clearing:stripe:acct_test"),
  ])
  func simple(_ kind: PostingKind, _ debit: String, _ credit: String) throws {
    let euro = try #require(Currency("EUR"))
    let entries = try #require(
      PostingTemplate.entries(kind, Amount(euro, minor: 4999), at: stripe)
    )
    #expect(
      entries == [
        PostingEntry(debit, .debit, currencyCode: "EUR", amountMinor: 4999),
        PostingEntry(credit, .credit, currencyCode: "EUR", amountMinor: 4999),
      ]
    )
  }

  @Test func everyTemplateIsPostable() throws {
    let (euro, dollar) = (try #require(Currency("EUR")), try #require(Currency("USD")))
    let amount = Amount(euro, minor: 100)
    var all = PostingKind.allCases.compactMap { kind in
      PostingTemplate.entries(kind, amount, at: stripe).map { (kind, $0) }
    }
    all.append((.payoutReceived, PostingTemplate.payoutReceived(amount, from: stripe, bank: "DE1")))
    for spread in [0, 3] as [Int64] {
      let entries = try #require(
        PostingTemplate.conversion(
          sold: amount,
          bought: Amount(dollar, minor: 105),
          spread: Amount(dollar, minor: spread),
          at: stripe
        )
      )
      #expect(entries.count == (spread == 0 ? 4 : 5))
      all.append((.conversion, entries))
    }
    for (kind, entries) in all {
      for legs in [entries, PostingTemplate.reversal(of: entries)] {
        let posting = try PostingRules.check(
          PostingCommand(
            id: LedgerTransactionID(bits: 1),
            merchant: MerchantID(bits: 2),
            kind: kind.rawValue,
            entries: legs,
            effectiveAtMicroseconds: 0
          )
        )
        #expect(posting.refusal == nil, "\(kind)")
      }
    }
    #expect(
      PostingTemplate.conversion(sold: amount, bought: amount, spread: amount, at: stripe) == nil
    )
  }
}
