package import Money

/// One leg of a transaction as a caller names it; nothing is checked yet.
package struct PostingEntry: Hashable, Sendable {
  package var accountCode: String
  /// Nil if the caller named neither side.
  package var side: Side?
  package var currencyCode: String
  package var amountMinor: Int64

  package init(
    _ accountCode: String,
    _ side: Side?,
    currencyCode: String,
    amountMinor: Int64
  ) {
    self.accountCode = accountCode
    self.side = side
    self.currencyCode = currencyCode
    self.amountMinor = amountMinor
  }
}

/// One transaction to post, as a caller names it.
package struct PostingCommand: Hashable, Sendable {
  /// Derived from the movement it records (`Movement.canonicalText`).
  package var id: LedgerTransactionID
  /// Nil if the caller's text is no merchant id.
  package var merchant: MerchantID?
  package var kind: String
  package var entries: [PostingEntry]
  /// When it happened in the world, in microseconds since 1970; nil if missing or out of range.
  package var effectiveAtMicroseconds: Int64?
  package var subject: String
  package var externalReference: String
  /// It records what has happened, and is not refused for a business reason.
  package var recordsFact: Bool

  package init(
    id: LedgerTransactionID,
    merchant: MerchantID?,
    kind: String,
    entries: [PostingEntry],
    effectiveAtMicroseconds: Int64?,
    subject: String = "",
    externalReference: String = "",
    recordsFact: Bool = false
  ) {
    self.id = id
    self.merchant = merchant
    self.kind = kind
    self.entries = entries
    self.effectiveAtMicroseconds = effectiveAtMicroseconds
    self.subject = subject
    self.externalReference = externalReference
    self.recordsFact = recordsFact
  }
}
