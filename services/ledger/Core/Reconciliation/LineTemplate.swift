package import Money
package import ReportFormats

/// What a line of a report may be booked as where nothing in the books answers it: the one table that
/// says so. The raw values are those of contract and command line.
///
/// A line says what moved on the clearing account; `PostingTable` says what stands on the other side.
/// Captures and refunds are in no row: their ids derive from our operations, so that a line would book
/// them a second time. What nobody of ours has asked for is an orphan.
package enum LineTemplate: String, Sendable, Hashable, CaseIterable {
  case fee
  case payout
  case payoutReversal = "payout_reversal"
  case reserve
  case adjustment
  case disputeOpened = "dispute_opened"
  case directDebitReturn = "direct_debit_return"
  case disputeWon = "dispute_won"
  case orphanCapture = "orphan_capture"
  case orphanReversal = "orphan_reversal"

  /// The lines that it answers.
  package var type: ReportRowType {
    switch self {
    case .fee: .fee
    case .payout: .payout
    case .payoutReversal: .payoutReversed
    case .reserve: .reserve
    case .adjustment: .adjustment
    case .disputeOpened, .directDebitReturn: .disputed
    case .disputeWon: .disputeReversed
    case .orphanCapture: .captured
    case .orphanReversal: .refunded
    }
  }

  /// Whether a run books it by itself: the report proves it, and nothing but reports tells of it.
  package var isAutomatic: Bool {
    switch self {
    case .fee, .payout, .payoutReversal, .reserve, .adjustment: true
    case .disputeOpened, .directDebitReturn, .disputeWon, .orphanCapture, .orphanReversal: false
    }
  }

  package static func of(_ type: ReportRowType) -> [LineTemplate] {
    allCases.filter { $0.type == type }
  }

  package static func automatic(_ type: ReportRowType) -> LineTemplate? {
    allCases.first { $0.type == type && $0.isAutomatic }
  }

  /// - Parameter amount: towards us positive.
  package func kind(of amount: Amount) -> PostingKind {
    switch self {
    case .fee: .fee
    case .payout: .payout
    case .payoutReversal: .reversal
    case .reserve: amount.minor < 0 ? .reserveHeld : .reserveReleased
    case .adjustment: .adjustment
    case .disputeOpened: .disputeOpened
    case .directDebitReturn: .directDebitReturn
    case .disputeWon: .disputeWon
    case .orphanCapture: .orphanCapture
    case .orphanReversal: .orphanReversal
    }
  }

  /// Whose legs in the table of postings it has, with their sides exchanged where the money went the
  /// other way: a payout that came back, a fee that was given back.
  private func row(of amount: Amount) -> PostingKind {
    self == .payoutReversal ? .payout : kind(of: amount)
  }

  /// What comes towards us is a debit of the clearing account, what goes away a credit.
  ///
  /// - Returns: nil for nothing, and for what no entry can hold.
  package func entries(_ amount: Amount, at account: GatewayAccount) -> [PostingEntry]? {
    Self.entries(row(of: amount), amount, at: account)
  }

  static func entries(
    _ row: PostingKind,
    _ amount: Amount,
    at account: GatewayAccount
  ) -> [PostingEntry]? {
    guard amount.minor != 0, let minor = Int64(exactly: amount.minor.magnitude),
      let legs = PostingTemplate.entries(row, Amount(amount.currency, minor: minor), at: account),
      let clearing = legs.first(where: { $0.accountCode == PostingTemplate.clearing(account) })
    else { return nil }
    let isAsInTheTable = (clearing.side == .debit) == (amount.minor > 0)
    return isAsInTheTable ? legs : PostingTemplate.reversal(of: legs)
  }
}
