package import Money
import Seal

/// A row of the audit as it lies in the table.
package struct AccessRecord: Sendable, Hashable {
  package var merchant: MerchantID
  package var id: AccessID
  package var paymentMethod: PaymentMethodID
  package var atMicroseconds: Int64
  package var action: String
  package var purpose: String
  package var outcome: String
  package var actor: String
  package var traceID: [UInt8]?

  package init(
    merchant: MerchantID, id: AccessID, paymentMethod: PaymentMethodID, atMicroseconds: Int64,
    action: String, purpose: String, outcome: String, actor: String, traceID: [UInt8]?
  ) {
    self.merchant = merchant
    self.id = id
    self.paymentMethod = paymentMethod
    self.atMicroseconds = atMicroseconds
    self.action = action
    self.purpose = purpose
    self.outcome = outcome
    self.actor = actor
    self.traceID = traceID
  }

  /// SHA-256 of the row's canonical bytes: 32 bytes.
  package var leaf: [UInt8] {
    var canonical = CanonicalBytes()
    canonical.append("tender.access.v1")
    canonical.append(merchant.bits)
    canonical.append(id.bits)
    canonical.append(paymentMethod.bits)
    canonical.append(atMicroseconds)
    canonical.append(action)
    canonical.append(purpose)
    canonical.append(outcome)
    canonical.append(actor)
    canonical.append(UInt8(traceID == nil ? 0 : 1))
    canonical.append(traceID ?? [])
    return SHA256.hash(canonical.bytes)
  }
}

/// Prefix of audit ids.
package enum AccessKind: EntityKind {
  package static func prefix(of bits: UInt128) -> StaticString { "acs" }
}
package typealias AccessID = EntityID<AccessKind>

/// One link of a merchant's chain: covers the link before it and a batch of rows. It keeps the
/// rows' ids and leaves, so that a verifier can say which row is not what it was.
package struct AccessSeal: Sendable, Hashable {
  /// Rows of one link.
  package static let rowsMax = 500
  package static let leafSize = SHA256.size
  /// What the first link follows.
  package static let origin = [UInt8](repeating: 0, count: SHA256.size)

  package var merchant: MerchantID
  /// From 1, without a gap.
  package var number: Int64
  package var sealedAtMicroseconds: Int64
  package var ids: [AccessID]
  /// The leaves of the rows, 32 bytes each, in the order of `ids`.
  package var leaves: [UInt8]
  package var previousHash: [UInt8]
  package var hash: [UInt8]

  /// As it was read.
  package init(
    merchant: MerchantID, number: Int64, sealedAtMicroseconds: Int64, ids: [AccessID],
    leaves: [UInt8], previousHash: [UInt8], hash: [UInt8]
  ) {
    self.merchant = merchant
    self.number = number
    self.sealedAtMicroseconds = sealedAtMicroseconds
    self.ids = ids
    self.leaves = leaves
    self.previousHash = previousHash
    self.hash = hash
  }

  /// The next link over `rows`, which are the merchant's.
  package init(
    of rows: [AccessRecord], merchant: MerchantID, number: Int64, after previousHash: [UInt8],
    atMicroseconds: Int64
  ) {
    self.init(
      merchant: merchant, number: number, sealedAtMicroseconds: atMicroseconds,
      ids: rows.map(\.id), leaves: rows.flatMap(\.leaf), previousHash: previousHash, hash: [])
    hash = computedHash
  }

  /// SHA-256 over the previous hash and everything of this link.
  package var computedHash: [UInt8] {
    var canonical = CanonicalBytes(capacity: 128 + ids.count * 16 + leaves.count)
    canonical.append("tender.access-seal.v1")
    canonical.append(previousHash)
    canonical.append(merchant.bits)
    canonical.append(number)
    canonical.append(sealedAtMicroseconds)
    canonical.append(UInt32(ids.count))
    for id in ids { canonical.append(id.bits) }
    canonical.append(leaves)
    return SHA256.hash(canonical.bytes)
  }

  package func leaf(_ index: Int) -> ArraySlice<UInt8> {
    leaves[(index * Self.leafSize)..<((index + 1) * Self.leafSize)]
  }
}

/// What does not fit, and where.
package struct AccessFinding: Sendable, Hashable {
  /// The raw values are API.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A sealed row is not what it was.
    case rowChanged = "row_changed"
    /// A sealed row is gone.
    case rowMissing = "row_missing"
    /// A row is neither sealed nor waiting for it: it came past the service, or its link is gone.
    case rowUnsealed = "row_unsealed"
    /// A link is not what it was.
    case sealChanged = "seal_changed"
    /// A link does not follow the one before it: links were removed or exchanged.
    case sealMissing = "seal_missing"
  }

  package var kind: Kind
  package var merchant: MerchantID
  /// The link; zero for a row without one.
  package var seal: Int64
  /// Nil where a link itself is meant.
  package var access: AccessID?

  package init(_ kind: Kind, _ merchant: MerchantID, seal: Int64, access: AccessID? = nil) {
    self.kind = kind
    self.merchant = merchant
    self.seal = seal
    self.access = access
  }
}

extension AccessSeal {
  /// Compares the link with the one before it and with its rows as they are now.
  /// - Parameter previous: number and hash of the link before; nil for the first of a chain.
  package func findings(
    after previous: (number: Int64, hash: [UInt8])?, rows: [AccessRecord]
  ) -> [AccessFinding] {
    var findings: [AccessFinding] = []
    if number != (previous?.number ?? 0) + 1 || previousHash != (previous?.hash ?? Self.origin) {
      findings.append(AccessFinding(.sealMissing, merchant, seal: number))
    }
    guard leaves.count == ids.count * Self.leafSize, computedHash == hash else {
      // Its leaves prove nothing about rows.
      return findings + [AccessFinding(.sealChanged, merchant, seal: number)]
    }
    var byID: [AccessID: AccessRecord] = [:]
    for row in rows { byID[row.id] = row }
    for (index, id) in ids.enumerated() {
      guard let row = byID[id] else {
        findings.append(AccessFinding(.rowMissing, merchant, seal: number, access: id))
        continue
      }
      if row.leaf[...] != leaf(index) {
        findings.append(AccessFinding(.rowChanged, merchant, seal: number, access: id))
      }
    }
    return findings
  }
}
