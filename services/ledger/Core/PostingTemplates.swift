package import Money

/// The legs of each kind of movement, from `PostingTable`.
package enum PostingTemplate {
  package static func clearing(_ account: GatewayAccount) -> String {
    "gateway_clearing:\(account.path)"
  }

  /// The legs of a movement of one amount.
  ///
  /// - Parameter bank: the bank's account, for kinds that move money there.
  /// - Returns: nil for kinds with other shapes, and where a bank is needed and not named.
  package static func entries(
    _ kind: PostingKind,
    _ amount: Amount,
    at account: GatewayAccount,
    bank: String? = nil
  ) -> [PostingEntry]? {
    entries(kind, at: account, bank: bank) { $0 == .whole ? amount : nil }
  }

  /// A payout that has arrived at the bank.
  package static func payoutReceived(
    _ amount: Amount,
    from account: GatewayAccount,
    bank: String
  ) -> [PostingEntry] {
    entries(.payoutReceived, amount, at: account, bank: bank) ?? []
  }

  /// A conversion at a gateway: `sold` leaves the clearing account, `bought` arrives, and `spread`
  /// (in the bought currency, zero allowed) is a leg of its own, so that rate and cost stay
  /// recoverable.
  ///
  /// - Returns: nil if the currencies are not two, or an amount is negative or too large.
  package static func conversion(
    sold: Amount,
    bought: Amount,
    spread: Amount,
    at account: GatewayAccount
  ) -> [PostingEntry]? {
    guard sold.currency != bought.currency, spread.currency == bought.currency,
      spread.minor >= 0, let gross = try? bought.adding(spread)
    else { return nil }
    return entries(.conversion, at: account, bank: nil) { amount in
      switch amount {
      case .sold: sold
      case .bought: bought
      case .spread: spread
      case .boughtAndSpread: gross
      case .whole: nil
      }
    }
  }

  /// The same legs with the sides exchanged: how anything booked is corrected.
  package static func reversal(of entries: [PostingEntry]) -> [PostingEntry] {
    entries.map { entry in
      var reversed = entry
      reversed.side = entry.side?.opposite
      return reversed
    }
  }

  /// A row of the table with its amounts; a leg of zero is left out.
  private static func entries(
    _ kind: PostingKind,
    at account: GatewayAccount,
    bank: String?,
    _ amount: (TemplateAmount) -> Amount?
  ) -> [PostingEntry]? {
    guard let row = PostingTable.row(kind), !row.legs.isEmpty else { return nil }
    var entries: [PostingEntry] = []
    for leg in row.legs {
      guard let amount = amount(leg.amount), let code = leg.account.code(at: account, bank: bank)
      else { return nil }
      if amount.minor == 0, leg.amount == .spread { continue }
      entries.append(
        PostingEntry(
          code,
          leg.side,
          currencyCode: amount.currency.code,
          amountMinor: amount.minor
        )
      )
    }
    return entries
  }
}
