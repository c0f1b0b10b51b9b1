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

/// What a command does with the money that it names.
package enum PostingAction: Hashable, Sendable {
  /// It moves at once.
  case post
  /// It is held until an instant (microseconds since 1970): nothing has moved, and limits count it.
  case pending(expiresAtMicroseconds: Int64)
  /// A held transaction moves, as a whole or in part; what is left of it is released.
  case postPending(LedgerTransactionID)
  /// A held transaction is released.
  case voidPending(LedgerTransactionID)
  /// A held transaction is released because its time is over: by the ledger alone.
  case expirePending(LedgerTransactionID)
  /// What a transaction has moved is moved back.
  case reverse(LedgerTransactionID)

  /// The phases that the tables know; reversals move at once.
  package enum Phase: Int16, Hashable, Sendable, CaseIterable {
    case pending = 1
    case postPending = 2
    case voidPending = 3
    case expirePending = 4
  }

  package var phase: Phase? {
    switch self {
    case .post, .reverse: nil
    case .pending: .pending
    case .postPending: .postPending
    case .voidPending: .voidPending
    case .expirePending: .expirePending
    }
  }

  /// The held transaction that it ends.
  package var pending: LedgerTransactionID? {
    switch self {
    case .postPending(let id), .voidPending(let id), .expirePending(let id): id
    case .post, .pending, .reverse: nil
    }
  }

  package var expiresAtMicroseconds: Int64? {
    if case .pending(let time) = self { time } else { nil }
  }

  package var reversed: LedgerTransactionID? {
    if case .reverse(let id) = self { id } else { nil }
  }

  /// From the columns of a row; nil if they contradict each other.
  package init?(
    phase: Int16?,
    pending: LedgerTransactionID?,
    expiresAtMicroseconds: Int64?,
    reversed: LedgerTransactionID?
  ) {
    let known = phase.map { Phase(rawValue: $0) }
    switch (known, pending, expiresAtMicroseconds, reversed) {
    case (nil, nil, nil, nil): self = .post
    case (nil, nil, nil, let id?): self = .reverse(id)
    case (.pending??, nil, let time?, nil): self = .pending(expiresAtMicroseconds: time)
    case (.postPending??, let id?, nil, nil): self = .postPending(id)
    case (.voidPending??, let id?, nil, nil): self = .voidPending(id)
    case (.expirePending??, let id?, nil, nil): self = .expirePending(id)
    default: return nil
    }
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
  /// Nil if the caller's phase, pending_id, expires_at and reverses do not go together.
  package var action: PostingAction?
  /// Nil if the caller's is beyond its limits.
  package var metadata: TransactionMetadata?

  package init(
    id: LedgerTransactionID,
    merchant: MerchantID?,
    kind: String,
    entries: [PostingEntry],
    effectiveAtMicroseconds: Int64?,
    subject: String = "",
    externalReference: String = "",
    recordsFact: Bool = false,
    action: PostingAction? = .post,
    metadata: TransactionMetadata? = TransactionMetadata.none
  ) {
    self.id = id
    self.merchant = merchant
    self.kind = kind
    self.entries = entries
    self.effectiveAtMicroseconds = effectiveAtMicroseconds
    self.subject = subject
    self.externalReference = externalReference
    self.recordsFact = recordsFact
    self.action = action
    self.metadata = metadata
  }
}
