import Money
import Testing
import VaultCore

struct AccessChainTests {
  static let record = AccessRecord(
    merchant: MerchantID(bits: 2), id: AccessID(bits: 7), paymentMethod: PaymentMethodID(bits: 8),
    atMicroseconds: 1_700_000_000_000_000, action: "resolve", purpose: "op", outcome: "ok",
    actor: "service:gateway-router", traceID: [1, 2])

  /// Every column counts, and so does which column a text stands in.
  @Test func noTwoDifferentRowsHaveOneLeaf() {
    let changes: [@Sendable (inout AccessRecord) -> Void] = [
      { _ in },
      { $0.merchant = MerchantID(bits: 4) }, { $0.id = AccessID(bits: 9) },
      { $0.paymentMethod = PaymentMethodID(bits: 9) }, { $0.atMicroseconds += 1 },
      { $0.action = "delete" }, { $0.purpose = "" }, { $0.outcome = "refused" },
      { $0.actor = "x" }, { $0.traceID = nil }, { $0.traceID = [] }, { $0.traceID = [1] },
      { ($0.action, $0.purpose) = ("resolveo", "p") },
    ]
    let leaves = changes.map { change in
      var record = Self.record
      change(&record)
      return record.leaf
    }
    #expect(Set(leaves).count == changes.count)
    #expect(leaves.allSatisfy { $0.count == AccessSeal.leafSize })
  }

  @Test func aLinkCoversItsNumberItsTimeAndTheLinkBefore() {
    let rows = [Self.record]
    let first = AccessSeal(
      of: rows, merchant: MerchantID(bits: 2), number: 1, after: AccessSeal.origin,
      atMicroseconds: 1)
    let second = AccessSeal(
      of: rows, merchant: MerchantID(bits: 2), number: 2, after: first.hash, atMicroseconds: 1)
    #expect(first.findings(after: nil, rows: rows) == [])
    #expect(second.findings(after: (1, first.hash), rows: rows) == [])
    #expect(second.findings(after: nil, rows: rows).map(\.kind) == [.sealMissing])
    #expect(second.findings(after: (1, second.hash), rows: rows).map(\.kind) == [.sealMissing])
    for change: @Sendable (inout AccessSeal) -> Void in [
      { $0.sealedAtMicroseconds += 1 }, { $0.leaves[0] ^= 1 }, { $0.leaves.removeLast() },
      { $0.hash[31] ^= 1 }, { $0.ids.append(AccessID(bits: 1)) },
    ] {
      var changed = second
      change(&changed)
      #expect(changed.findings(after: (1, first.hash), rows: rows).map(\.kind) == [.sealChanged])
    }
  }
}
