/// One line of the chart of accounts: every account whose code begins with `segment`.
package struct ChartLine: Hashable, Sendable {
  /// The first segment of the account's code.
  package let segment: String
  package let accountClass: AccountClass
  /// The side on which the account grows.
  package let normalSide: Side
  /// One sentence for the documentation and for people who read the books.
  package let meaning: String
}

/// Which accounts there may be, as data.
package enum ChartOfAccounts {
  /// Where a fact's amount goes when its account is not in the chart.
  package static let suspenseCode = "suspense:unknown_account"

  package static let lines: [ChartLine] = [
    line("gateway_clearing", .asset, .debit, "Money a gateway holds for us and has not paid out."),
    line("payouts_in_transit", .asset, .debit, "Paid out by a gateway, not yet seen at the bank."),
    line("bank", .asset, .debit, "Money at a bank, by account."),
    line("rolling_reserve", .asset, .debit, "Money a gateway withholds for a time."),
    line("fx_liquidity", .asset, .debit, "The bridge between two currencies of one conversion."),
    line("merchant_payable", .liability, .credit, "What is owed to the merchant for its sales."),
    line(
      "orphan_receipts",
      .liability,
      .credit,
      "Captured after its operation had closed; to be given back to the payer."
    ),
    line("adjustments", .income, .credit, "Corrections in our favour or against us, approved."),
    line("gateway_fees", .expense, .debit, "What gateways charge."),
    line("fx_spread", .expense, .debit, "What a conversion cost against the middle rate."),
    line("chargebacks", .expense, .debit, "Disputed amounts that a gateway has taken back."),
    line("write_offs", .expense, .debit, "Differences given up, approved by two people."),
    line("suspense", .suspense, .credit, "Booked, but its place is not known yet."),
  ]

  private static let bySegment = Dictionary(
    uniqueKeysWithValues: lines.map { ($0.segment, $0) }
  )

  /// The line that an account's code belongs to; nil if the code is malformed or not in the chart.
  package static func line(of code: AccountCode) -> ChartLine? { bySegment[code.segment] }

  private static func line(
    _ segment: String,
    _ accountClass: AccountClass,
    _ side: Side,
    _ meaning: String
  ) -> ChartLine {
    ChartLine(segment: segment, accountClass: accountClass, normalSide: side, meaning: meaning)
  }
}
