package import Money

/// A leg that lies in the books.
package struct BookedLeg: Hashable, Sendable {
  package var account: AccountID
  package var code: String
  package var side: Side
  package var currency: Currency
  /// Positive.
  package var amountMinor: Int64

  package init(
    account: AccountID,
    code: String,
    side: Side,
    currency: Currency,
    amountMinor: Int64
  ) {
    self.account = account
    self.code = code
    self.side = side
    self.currency = currency
    self.amountMinor = amountMinor
  }

  var opposite: BookedLeg {
    var leg = self
    leg.side = side.opposite
    return leg
  }
}

/// A held transaction.
package struct PendingState: Hashable, Sendable {
  package var merchant: MerchantID
  package var expiresAtMicroseconds: Int64
  package var legs: [BookedLeg]
  /// How it has ended; nil while it is open.
  package var ending: PostingAction.Phase?

  package init(
    merchant: MerchantID,
    expiresAtMicroseconds: Int64,
    legs: [BookedLeg],
    ending: PostingAction.Phase? = nil
  ) {
    self.merchant = merchant
    self.expiresAtMicroseconds = expiresAtMicroseconds
    self.legs = legs
    self.ending = ending
  }
}

/// A transaction that has moved money, and may be taken back once.
package struct ReversibleState: Hashable, Sendable {
  package var merchant: MerchantID
  package var legs: [BookedLeg]
  package var isReversed: Bool

  package init(merchant: MerchantID, legs: [BookedLeg], isReversed: Bool) {
    self.merchant = merchant
    self.legs = legs
    self.isReversed = isReversed
  }
}

/// What the books say about everything that a batch touches, at the ledger's own time.
package struct BooksState: Sendable {
  package var nowMicroseconds: Int64
  /// The end of the last sealed day; nil while none is.
  package var sealedUntilMicroseconds: Int64?
  package var accounts: [AccountID: AccountState] = [:]
  package var pendings: [LedgerTransactionID: PendingState] = [:]
  package var reversible: [LedgerTransactionID: ReversibleState] = [:]
  /// Ids that are booked, of those that the batch has.
  package var existing: Set<LedgerTransactionID> = []
  /// What was booked under the ids that are linked in the batch.
  package var contents: [LedgerTransactionID: PostingCommand] = [:]
  /// Ids that an authorising command was refused for, with the reason.
  package var rejected: [LedgerTransactionID: String] = [:]

  package init(nowMicroseconds: Int64) {
    self.nowMicroseconds = nowMicroseconds
  }
}
