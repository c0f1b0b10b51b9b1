package import Money
import Seal

/// What there is one account for.
package struct AccountKey: Hashable, Sendable {
  package var merchant: MerchantID
  package var code: String
  package var currency: Currency

  package init(merchant: MerchantID, code: String, currency: Currency) {
    self.merchant = merchant
    self.code = code
    self.currency = currency
  }

  /// The account's id: the first 16 bytes of the SHA-256 of the three.
  package var id: AccountID {
    var canonical = CanonicalBytes(capacity: 96)
    canonical.append("tender.account.v1")
    canonical.append(merchant.bits)
    canonical.append(currency)
    canonical.append(code)
    let digest = SHA256.hash(canonical.bytes)
    return AccountID(bits: digest.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
  }
}

/// A transaction as it lies in the tables: what the hash of its batch covers.
package struct RecordedTransaction: Hashable, Sendable {
  package struct Leg: Hashable, Sendable {
    package var account: AccountID
    package var side: Side
    package var currency: Currency
    package var amountMinor: Int64
    package var submittedCode: String?

    package init(
      account: AccountID,
      side: Side,
      currency: Currency,
      amountMinor: Int64,
      submittedCode: String?
    ) {
      self.account = account
      self.side = side
      self.currency = currency
      self.amountMinor = amountMinor
      self.submittedCode = submittedCode
    }
  }

  package var sequence: UInt128
  package var id: LedgerTransactionID
  package var merchant: MerchantID
  package var kind: String
  package var effectiveAtMicroseconds: Int64
  package var recordsFact: Bool
  package var subject: String
  package var externalReference: String
  package var actor: String
  package var traceID: [UInt8]?
  package var action: PostingAction
  /// It ends the held transaction, or takes back the booked one, that it names; a fact may not.
  package var ends: Bool
  package var metadata: TransactionMetadata
  /// Held, for a pending transaction; moved, for any other.
  package var legs: [Leg]

  package init(
    sequence: UInt128,
    id: LedgerTransactionID,
    merchant: MerchantID,
    kind: String,
    effectiveAtMicroseconds: Int64,
    recordsFact: Bool,
    subject: String,
    externalReference: String,
    actor: String,
    traceID: [UInt8]? = nil,
    action: PostingAction = .post,
    ends: Bool = false,
    metadata: TransactionMetadata = .none,
    legs: [Leg]
  ) {
    self.sequence = sequence
    self.id = id
    self.merchant = merchant
    self.kind = kind
    self.effectiveAtMicroseconds = effectiveAtMicroseconds
    self.recordsFact = recordsFact
    self.subject = subject
    self.externalReference = externalReference
    self.actor = actor
    self.traceID = traceID
    self.action = action
    self.ends = ends
    self.metadata = metadata
    self.legs = legs
  }

  /// By what the transaction has, whatever else is in its batch: what was hashed once stays as it was.
  private var leafName: String {
    if !metadata.isEmpty { return "tender.transaction.v4" }
    return action == .post ? "tender.transaction.v2" : "tender.transaction.v3"
  }

  /// What the leaf of this transaction is made of: its SHA-256 is the leaf.
  package func leafBytes(_ format: BatchFormat) -> [UInt8] {
    var canonical = CanonicalBytes(capacity: 384)
    switch format {
    case .unordered:
      canonical.append("tender.transaction.v1")
      canonical.append(sequence)
    case .ordered, .extended, .described:
      canonical.append(leafName)
    }
    canonical.append(id.bits)
    canonical.append(merchant.bits)
    canonical.append(effectiveAtMicroseconds)
    canonical.append(UInt8(recordsFact ? 1 : 0))
    canonical.append(kind)
    canonical.append(subject)
    canonical.append(externalReference)
    canonical.append(actor)
    if format != .unordered {
      canonical.append(UInt8(traceID == nil ? 0 : 1))
      canonical.append(traceID ?? [])
    }
    if format != .unordered, action != .post || !metadata.isEmpty {
      canonical.append(action.phase?.rawValue ?? 0)
      canonical.append((action.pending ?? action.reversed)?.bits ?? 0)
      canonical.append(action.expiresAtMicroseconds ?? 0)
      canonical.append(UInt8(ends ? 1 : 0))
    }
    if format != .unordered, !metadata.isEmpty {
      canonical.append(UInt16(truncatingIfNeeded: metadata.entries.count))
      for entry in metadata.entries {
        canonical.append(entry.key)
        canonical.append(entry.value)
      }
    }
    // Of a changed row: the bytes behind the count say what it does not.
    canonical.append(UInt16(truncatingIfNeeded: legs.count))
    for leg in legs {
      canonical.append(leg.account.bits)
      canonical.append(leg.side.rawValue)
      canonical.append(leg.currency)
      canonical.append(leg.amountMinor)
      canonical.append(UInt8(leg.submittedCode == nil ? 0 : 1))
      canonical.append(leg.submittedCode ?? "")
    }
    return canonical.bytes
  }
}
