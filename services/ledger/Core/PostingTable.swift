/// Where a leg of a template lies.
package enum TemplateAccount: String, Hashable, Sendable, CaseIterable {
  case clearing = "gateway_clearing:<gateway>:<account>"
  case inTransit = "payouts_in_transit:<gateway>:<account>"
  case reserve = "rolling_reserve:<gateway>:<account>"
  case liquidity = "fx_liquidity:<gateway>:<account>"
  case orphans = "orphan_receipts:<gateway>:<account>"
  case fees = "gateway_fees:<gateway>:<account>"
  case spread = "fx_spread:<gateway>:<account>"
  case chargebacks = "chargebacks:<gateway>:<account>"
  case bank = "bank:<bank>"
  case payable = "merchant_payable"
  case adjustments = "adjustments"
  case writeOffs = "write_offs"
  case suspense = "suspense:unknown_account"

  /// Its first segment: the line of the chart.
  package var segment: String { String(rawValue.prefix { $0 != ":" }) }

  /// The account's code.
  ///
  /// - Parameter bank: the bank's account; without it nil for what lies there.
  package func code(at account: GatewayAccount, bank: String? = nil) -> String? {
    if self == .bank { return bank.map { "bank:\(AccountCode.segment(of: $0))" } }
    return rawValue.hasSuffix("<gateway>:<account>") ? "\(segment):\(account.path)" : rawValue
  }
}

/// What a leg of a template comes to.
package enum TemplateAmount: String, Hashable, Sendable, CaseIterable {
  case whole = "amount"
  case sold
  case bought
  case spread
  /// What the middle rate would have brought.
  case boughtAndSpread = "bought + spread"
}

/// A row of the table of postings: what is debited and credited for a kind of movement.
package struct PostingTableRow: Hashable, Sendable {
  package struct Leg: Hashable, Sendable {
    package let side: Side
    package let account: TemplateAccount
    package let amount: TemplateAmount
  }

  package let kind: PostingKind
  package let happens: String
  package let legs: [Leg]
  /// The kind whose row it takes back: the same legs with the sides exchanged.
  package let takesBack: PostingKind?
}

/// Every movement that Tender books, as an accountant reads it. The templates are made from it.
package enum PostingTable {
  package static let rows: [PostingTableRow] = [
    row(.capture, "A payment was captured, gross.", .clearing, .payable),
    row(.refund, "It was given back to the payer, whole or in part.", .payable, .clearing),
    row(
      .refundFailed,
      "A refund came back after it was done.",
      .clearing,
      .payable,
      takesBack: .refund
    ),
    row(
      .directDebitReturn,
      "The payer's bank took a SEPA debit back.",
      .payable,
      .clearing,
      takesBack: .capture
    ),
    row(.disputeOpened, "A card payment is disputed: taken at once.", .chargebacks, .clearing),
    row(
      .disputeWon,
      "The dispute was won: given back, once.",
      .clearing,
      .chargebacks,
      takesBack: .disputeOpened
    ),
    row(.fee, "A gateway's fee, from its settlement lines only.", .fees, .clearing),
    row(.payout, "A gateway has paid out.", .inTransit, .clearing),
    row(.payoutReceived, "A payout has arrived at the bank.", .bank, .inTransit),
    row(.reserveHeld, "A gateway withholds money for a time.", .reserve, .clearing),
    row(
      .reserveReleased,
      "It has let the money go.",
      .clearing,
      .reserve,
      takesBack: .reserveHeld
    ),
    PostingTableRow(
      kind: .conversion,
      happens: "Money was converted: each currency balances, and the spread is a leg of its own.",
      legs: [
        .init(side: .debit, account: .liquidity, amount: .sold),
        .init(side: .credit, account: .clearing, amount: .sold),
        .init(side: .debit, account: .clearing, amount: .bought),
        .init(side: .credit, account: .liquidity, amount: .boughtAndSpread),
        .init(side: .debit, account: .spread, amount: .spread),
      ],
      takesBack: nil
    ),
    row(.orphanCapture, "Captured after its operation had closed.", .clearing, .orphans),
    row(
      .orphanReversal,
      "What was captured so was given back.",
      .orphans,
      .clearing,
      takesBack: .orphanCapture
    ),
    row(.merchantPayment, "What is owed to the merchant was paid.", .payable, .bank),
    row(
      .adjustment,
      "A gateway's correction, or a difference that was settled: in our favour as here, else reversed.",
      .clearing,
      .adjustments
    ),
    row(.writeOff, "A difference given up, approved by two people.", .writeOffs, .clearing),
    PostingTableRow(
      kind: .suspenseCleared,
      happens: "The place of an amount in suspense is known: there against suspense, either way.",
      legs: [],
      takesBack: nil
    ),
    PostingTableRow(
      kind: .reversal,
      happens: "Anything booked is taken back: its legs with the sides exchanged, once; it names "
        + "what it takes back (`reverses`).",
      legs: [],
      takesBack: nil
    ),
  ]

  private static let byKind = Dictionary(uniqueKeysWithValues: rows.map { ($0.kind, $0) })

  package static func row(_ kind: PostingKind) -> PostingTableRow? { byKind[kind] }

  /// Kinds that two people approve.
  package static let approvedByTwo: Set<PostingKind> = [.writeOff]

  private static let debitedByTwo = Set(
    rows.filter { approvedByTwo.contains($0.kind) }
      .flatMap { $0.legs.filter { $0.side == .debit }.map(\.account.segment) }
  )

  /// Whether two people must approve it: by its kind, or, whatever it is called, because it debits
  /// what only such a kind debits.
  package static func needsTwoPeople(_ posting: BookablePosting) -> Bool {
    if let kind = PostingKind(rawValue: posting.command.kind), approvedByTwo.contains(kind) {
      return true
    }
    return posting.entries.contains {
      $0.side == .debit && debitedByTwo.contains($0.line.segment)
    }
  }

  private static func row(
    _ kind: PostingKind,
    _ happens: String,
    _ debit: TemplateAccount,
    _ credit: TemplateAccount,
    takesBack: PostingKind? = nil
  ) -> PostingTableRow {
    PostingTableRow(
      kind: kind,
      happens: happens,
      legs: [
        .init(side: .debit, account: debit, amount: .whole),
        .init(side: .credit, account: credit, amount: .whole),
      ],
      takesBack: takesBack
    )
  }
}
