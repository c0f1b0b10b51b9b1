import LedgerCore

/// What is debited and credited for what happens, from the table that the templates are made from.
enum PostingDocument {
  static func text(_ generated: String) -> String {
    """
    # What is booked
    \(generated)

    Each movement of money is one transaction of one row. The table is
    `services/ledger/Core/PostingTable.swift`, the templates are made from it, and
    `Tests/LedgerCoreTests/PostingTableTests.swift` tests it as one: a day of a business is booked, and
    every account holds afterwards what an accountant expects.

    \(postings)

    A conversion balances in each of its two currencies. What `fx_liquidity` holds afterwards, valued at
    the middle rate, is zero: the rate is `sold` against `bought + spread`, and what the conversion cost
    lies in `fx_spread`.

    # Accounts

    \(chart)

    """
  }

  private static var postings: String {
    Markdown.table(
      ["kind", "what happened", "debit", "credit", "takes back"],
      PostingTable.rows.map { row in
        [
          Markdown.code(row.kind.rawValue), row.happens, legs(row, .debit), legs(row, .credit),
          row.takesBack.map { Markdown.code($0.rawValue) } ?? "",
        ]
      })
  }

  /// The amount is said where there is more than one.
  private static func legs(_ row: PostingTableRow, _ side: Side) -> String {
    row.legs.filter { $0.side == side }.map { leg in
      Markdown.code(leg.account.rawValue) + (leg.amount == .whole ? "" : " \(leg.amount.rawValue)")
    }.joined(separator: ", ")
  }

  private static var chart: String {
    Markdown.table(
      ["code begins with", "class", "grows on", "what"],
      ChartOfAccounts.lines.map { line in
        [
          Markdown.code(line.segment), line.accountClass.rawValue, "\(line.normalSide)",
          line.meaning,
        ]
      })
  }
}
