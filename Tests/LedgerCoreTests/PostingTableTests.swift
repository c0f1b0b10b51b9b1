import LedgerCore
import Money
import Testing

/// The table of postings as an accountant checks it: as one.
@Suite struct PostingTableTests {
  static let stripe = GatewayAccount(gateway: "stripe", account: "a")
  static let bank = "DE1"

  @Test func everyKindHasOneRow() {
    #expect(PostingTable.rows.map(\.kind) == PostingTable.rows.map(\.kind).uniqued)
    #expect(Set(PostingTable.rows.map(\.kind)) == Set(PostingKind.allCases))
  }

  /// What the table tells an accountant is what the rule asks, and no other kind debits what such a
  /// kind debits.
  @Test func twoPeopleApproveWhatTheTableSays() throws {
    for row in PostingTable.rows {
      #expect(
        PostingTable.approvedByTwo.contains(row.kind) == row.happens.contains("two people"),
        "\(row.kind)"
      )
      guard
        let entries = PostingTemplate.entries(
          row.kind,
          Amount(.eur, minor: 5),
          at: Self.stripe,
          bank: Self.bank
        )
      else { continue }
      var command = command([], kind: row.kind.rawValue)
      command.entries = entries
      let needs = PostingTable.needsTwoPeople(try PostingRules.check(command))
      #expect(needs == PostingTable.approvedByTwo.contains(row.kind), "\(row.kind)")
    }
    // By another name.
    let legs = ["D write_offs 5 EUR", "C gateway_clearing:stripe:a 5 EUR"]
    for kind in ["adjustment", "suspense_cleared", "gift"] {
      #expect(try PostingTable.needsTwoPeople(PostingRules.check(command(legs, kind: kind))))
    }
  }

  @Test func everyAccountIsInTheChart() throws {
    for account in TemplateAccount.allCases {
      let code = try #require(account.code(at: Self.stripe, bank: Self.bank))
      let line = try #require(AccountCode(code).flatMap { ChartOfAccounts.line(of: $0) })
      #expect(line.segment == account.segment)
    }
    // And what the chart has is used, but for suspense, where only the ledger books.
    let used = Set(PostingTable.rows.flatMap { $0.legs.map(\.account.segment) })
    #expect(Set(ChartOfAccounts.lines.map(\.segment)).subtracting(used) == ["suspense"])
  }

  @Test func everyRowHasTwoSidesOfOneAmount() {
    for row in PostingTable.rows where row.kind != .conversion && !row.legs.isEmpty {
      #expect(row.legs.map(\.side) == [.debit, .credit], "\(row.kind)")
      #expect(row.legs.allSatisfy { $0.amount == .whole }, "\(row.kind)")
      #expect(row.legs[0].account != row.legs[1].account, "\(row.kind)")
    }
  }

  /// What takes something back exchanges its sides, and nothing else does.
  @Test func whatTakesBackIsTheOpposite() {
    func pairs(_ row: PostingTableRow) -> Set<[String]> {
      Set(row.legs.map { [$0.account.rawValue, "\($0.side)"] })
    }
    for row in PostingTable.rows {
      guard let taken = row.takesBack.flatMap({ PostingTable.row($0) }) else { continue }
      let opposite = Set(
        taken.legs.map { [$0.account.rawValue, "\($0.side.opposite)"] }
      )
      #expect(pairs(row) == opposite, "\(row.kind)")
    }
  }

  /// Everything that can happen to a business in one story. After each line: what the gateway holds
  /// for us, what the merchant is owed, and what the other account of the line holds, each on its
  /// normal side.
  static let story = """
    kind                 amount  clearing  payable  other
    capture               10000     10000    10000  -
    capture                5000     15000    15000  -
    refund                 6000      9000     9000  -
    refund_failed          6000     15000    15000  -
    refund                 6000      9000     9000  -
    direct_debit_return    5000      4000     4000  -
    dispute_opened         4000         0     4000  chargebacks:4000
    dispute_won            4000      4000     4000  chargebacks:0
    fee                     320      3680     4000  gateway_fees:320
    reserve_held            180      3500     4000  rolling_reserve:180
    reserve_released        180      3680     4000  rolling_reserve:0
    orphan_capture          700      4380     4000  orphan_receipts:700
    orphan_reversal         700      3680     4000  orphan_receipts:0
    adjustment                5      3685     4000  adjustments:5
    write_off                15      3670     4000  write_offs:15
    payout                 3670         0     4000  payouts_in_transit:3670
    payout_received        3670         0     4000  bank:3670
    merchant_payment       3670         0      330  bank:0
    """

  @Test func theStory() throws {
    var books = Books()
    let lines = Self.story.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    for line in lines.dropFirst() {
      let kind = try #require(PostingKind(rawValue: line[0]))
      let amount = Amount(.eur, minor: try #require(Int64(line[1])))
      try books.post(
        kind,
        try #require(PostingTemplate.entries(kind, amount, at: Self.stripe, bank: Self.bank))
      )
      #expect(books["gateway_clearing"] == Int64(line[2]), "\(line)")
      #expect(books["merchant_payable"] == Int64(line[3]), "\(line)")
      let other = line[4].split(separator: ":")
      if other.count == 2 { #expect(books[String(other[0])] == Int64(other[1]), "\(line)") }
    }
    // What is left is the merchant's part of fees, adjustments and write-offs.
    #expect(books["merchant_payable"] == 320 - 5 + 15)
    #expect(books.differences.values.allSatisfy { $0 == 0 })
    let told = Set(lines.dropFirst().map { $0[0] })
    let others: Set<PostingKind> = [.conversion, .suspenseCleared, .reversal]
    #expect(told.union(others.map(\.rawValue)) == Set(PostingKind.allCases.map(\.rawValue)))
  }

  /// 100.00 EUR sold for 105.00 USD where the middle rate would have brought 108.00.
  @Test func aConversionKeepsRateAndCost() throws {
    let dollar = try #require(Currency("USD"))
    let entries = try #require(
      PostingTemplate.conversion(
        sold: Amount(.eur, minor: 10_000),
        bought: Amount(dollar, minor: 10_500),
        spread: Amount(dollar, minor: 300),
        at: Self.stripe
      )
    )
    var books = Books()
    try books.post(.conversion, entries)
    #expect(books["gateway_clearing", "EUR"] == -10_000)
    #expect(books["gateway_clearing", "USD"] == 10_500)
    #expect(books["fx_liquidity", "EUR"] == 10_000)
    #expect(books["fx_liquidity", "USD"] == -10_800)
    #expect(books["fx_spread", "USD"] == 300)
    #expect(books.differences == ["EUR": 0, "USD": 0])
    // Taken back, nothing is left in any account.
    try books.post(.reversal, PostingTemplate.reversal(of: entries))
    #expect(books.balances.values.allSatisfy { $0 == 0 })
    for spread in [Amount(dollar, minor: -1), Amount(.eur, minor: 1)] {
      #expect(
        PostingTemplate.conversion(
          sold: Amount(.eur, minor: 1),
          bought: Amount(dollar, minor: 1),
          spread: spread,
          at: Self.stripe
        ) == nil
      )
    }
  }

  @Test func whatLiesAtABankNeedsIts() {
    let amount = Amount(.eur, minor: 1)
    #expect(PostingTemplate.entries(.payoutReceived, amount, at: Self.stripe) == nil)
    #expect(PostingTemplate.entries(.suspenseCleared, amount, at: Self.stripe) == nil)
  }

  /// Balances on the normal side, by segment and currency; every posting passes the rules.
  private struct Books {
    var balances: [[String]: Int64] = [:]
    var differences: [String: Int64] = [:]

    subscript(_ segment: String, _ currency: String = "EUR") -> Int64 {
      balances[[segment, currency]] ?? 0
    }

    mutating func post(_ kind: PostingKind, _ entries: [PostingEntry]) throws {
      let posting = try PostingRules.check(
        PostingCommand(
          id: LedgerTransactionID(bits: 1),
          merchant: MerchantID(bits: 2),
          kind: kind.rawValue,
          entries: entries,
          effectiveAtMicroseconds: 0
        )
      )
      #expect(posting.refusal == nil, "\(kind)")
      for entry in posting.entries {
        let sign: Int64 = entry.side == entry.line.normalSide ? 1 : -1
        balances[[entry.line.segment, entry.currency.code], default: 0] += sign * entry.amountMinor
        differences[entry.currency.code, default: 0] +=
          Int64(entry.side.rawValue) * entry.amountMinor
      }
    }
  }
}

extension Array where Element: Hashable {
  fileprivate var uniqued: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
