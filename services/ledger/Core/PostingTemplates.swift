package import Money

/// What a transaction records. The raw values are stored and are API.
package enum PostingKind: String, Hashable, Sendable, CaseIterable {
  case capture
  case refund
  case refundFailed = "refund_failed"
  case directDebitReturn = "direct_debit_return"
  case disputeOpened = "dispute_opened"
  case disputeWon = "dispute_won"
  case fee
  case payout
  case payoutReceived = "payout_received"
  case reserveHeld = "reserve_held"
  case reserveReleased = "reserve_released"
  case conversion
  case orphanCapture = "orphan_capture"
  case orphanReversal = "orphan_reversal"
  case merchantPayment = "merchant_payment"
  case adjustment
  case writeOff = "write_off"
  case suspenseCleared = "suspense_cleared"
  case reversal
}

/// An account of ours at a gateway.
package struct GatewayAccount: Hashable, Sendable {
  /// For example `stripe`.
  package let gateway: String
  /// The gateway's name of the account.
  package let account: String

  package init(gateway: String, account: String) {
    self.gateway = gateway
    self.account = account
  }

  /// Behind the first segment of an account's code.
  package var path: String {
    "\(AccountCode.segment(of: gateway)):\(AccountCode.segment(of: account))"
  }
}

/// The legs of each kind of movement: the one place that says what is debited and credited.
package enum PostingTemplate {
  package static func clearing(_ account: GatewayAccount) -> String {
    "gateway_clearing:\(account.path)"
  }

  /// The simple movements: one debit, one credit of the same amount.
  ///
  /// - Returns: the codes to debit and credit; nil for kinds with other shapes.
  package static func accounts(
    _ kind: PostingKind,
    at account: GatewayAccount
  ) -> (debit: String, credit: String)? {
    let clearing = clearing(account)
    return switch kind {
    case .capture, .refundFailed: (clearing, "merchant_payable")
    case .refund, .directDebitReturn: ("merchant_payable", clearing)
    case .disputeOpened: ("chargebacks:\(account.path)", clearing)
    case .disputeWon: (clearing, "chargebacks:\(account.path)")
    case .fee: ("gateway_fees:\(account.path)", clearing)
    case .payout: ("payouts_in_transit:\(account.path)", clearing)
    case .reserveHeld: ("rolling_reserve:\(account.path)", clearing)
    case .reserveReleased: (clearing, "rolling_reserve:\(account.path)")
    case .orphanCapture: (clearing, "orphan_receipts:\(account.path)")
    case .orphanReversal: ("orphan_receipts:\(account.path)", clearing)
    case .payoutReceived, .conversion, .merchantPayment, .adjustment, .writeOff,
      .suspenseCleared, .reversal:
      nil
    }
  }

  /// The legs of a simple movement; nil for kinds with other shapes.
  package static func entries(
    _ kind: PostingKind,
    _ amount: Amount,
    at account: GatewayAccount
  ) -> [PostingEntry]? {
    accounts(kind, at: account).map { pair($0.debit, $0.credit, amount) }
  }

  /// A payout that has arrived at the bank.
  package static func payoutReceived(
    _ amount: Amount,
    from account: GatewayAccount,
    bank: String
  ) -> [PostingEntry] {
    pair("bank:\(AccountCode.segment(of: bank))", "payouts_in_transit:\(account.path)", amount)
  }

  /// A conversion at a gateway: `sold` leaves the clearing account, `bought` arrives, and `spread`
  /// (in the bought currency, zero allowed) is a leg of its own, so that rate and cost stay
  /// recoverable.
  package static func conversion(
    sold: Amount,
    bought: Amount,
    spread: Amount,
    at account: GatewayAccount
  ) -> [PostingEntry]? {
    guard sold.currency != bought.currency, spread.currency == bought.currency,
      let gross = try? bought.adding(spread)
    else { return nil }
    let (clearing, liquidity) = (clearing(account), "fx_liquidity:\(account.path)")
    var entries =
      pair(liquidity, clearing, sold) + [
        leg(clearing, .debit, bought), leg(liquidity, .credit, gross),
      ]
    if spread.minor > 0 { entries.append(leg("fx_spread:\(account.path)", .debit, spread)) }
    return entries
  }

  /// The same legs with the sides exchanged: how anything booked is corrected.
  package static func reversal(of entries: [PostingEntry]) -> [PostingEntry] {
    entries.map { entry in
      var reversed = entry
      reversed.side = entry.side?.opposite
      return reversed
    }
  }

  private static func pair(
    _ debit: String,
    _ credit: String,
    _ amount: Amount
  ) -> [PostingEntry] {
    [leg(debit, .debit, amount), leg(credit, .credit, amount)]
  }

  private static func leg(_ code: String, _ side: Side, _ amount: Amount) -> PostingEntry {
    PostingEntry(code, side, currencyCode: amount.currency.code, amountMinor: amount.minor)
  }
}
