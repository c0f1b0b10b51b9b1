package import Money

/// What in the books is not what was committed, and where.
package struct BooksFinding: Hashable, Sendable {
  /// The raw values are API.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Numbers of batches are missing.
    case batchMissing = "batch_missing"
    /// A batch does not follow the one before it: batches were exchanged, inserted or rewritten.
    case batchOutOfOrder = "batch_out_of_order"
    /// A batch's row is not what its hash covers; in the older format also: one of its transactions.
    case batchChanged = "batch_changed"
    /// A transaction that the batch was made with is gone.
    case transactionMissing = "transaction_missing"
    /// A transaction or its entries are not what the batch was made with.
    case transactionChanged = "transaction_changed"
    /// A transaction that no batch was made with.
    case transactionAdded = "transaction_added"
    /// Entries without a transaction.
    case entryAdded = "entry_added"
    /// The chain does not hold a head that an earlier check saw.
    case headLost = "head_lost"
    /// A day's seal is gone.
    case sealMissing = "seal_missing"
    /// A seal's row contradicts itself or the seal before it.
    case sealChanged = "seal_changed"
    /// The books of a day are not what was sealed.
    case sealDiffers = "seal_differs"
  }

  package var kind: Kind
  /// Zero where none is meant.
  package var batch: Int64
  package var sequence: BookSequence?
  package var transaction: LedgerTransactionID?
  /// Of a seal.
  package var day: CivilDate?
  /// What differs, in words: names of columns, and numbers, never other values.
  package var what: String

  package init(
    _ kind: Kind,
    batch: Int64,
    sequence: BookSequence? = nil,
    transaction: LedgerTransactionID? = nil,
    what: String
  ) {
    self.kind = kind
    self.batch = batch
    self.sequence = sequence
    self.transaction = transaction
    self.what = what
  }

  /// Of a seal.
  package init(_ kind: Kind, day: CivilDate?, what: String) {
    self.init(kind, batch: 0, what: what)
    self.day = day
  }
}
