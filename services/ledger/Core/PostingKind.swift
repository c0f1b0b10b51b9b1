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
