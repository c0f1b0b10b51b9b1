package import Money

extension CanonicalBytes {
  /// What an account's id is made of: the first 16 bytes of its SHA-256.
  package static func account(
    merchant: MerchantID,
    code: String,
    currency: Currency
  ) -> [UInt8] {
    var canonical = CanonicalBytes(capacity: 96)
    canonical.append("tender.account.v1")
    canonical.append(merchant.bits)
    canonical.append(currency)
    canonical.append(code)
    return canonical.bytes
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
    self.legs = legs
  }

  /// What the leaf of this transaction is made of: SHA-256 of these bytes. The hash of a batch is
  /// SHA-256 of the previous batch's hash, shard (2 bytes), batch number (8), transaction count
  /// (4) and the leaves in order of `sequence`.
  package var leafBytes: [UInt8] {
    var canonical = CanonicalBytes(capacity: 384)
    canonical.append("tender.transaction.v1")
    canonical.append(sequence)
    canonical.append(id.bits)
    canonical.append(merchant.bits)
    canonical.append(effectiveAtMicroseconds)
    canonical.append(UInt8(recordsFact ? 1 : 0))
    canonical.append(kind)
    canonical.append(subject)
    canonical.append(externalReference)
    canonical.append(actor)
    canonical.append(UInt16(legs.count))
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
