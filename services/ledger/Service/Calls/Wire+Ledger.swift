import LedgerCore
import Money
import Wire

extension PostingCommand {
  init(_ wire: LedgerV1.PostingCommand, id: LedgerTransactionID) {
    self.init(
      id: id,
      merchant: MerchantID(wire.merchantID),
      kind: wire.kind,
      entries: wire.entries.map(PostingEntry.init),
      effectiveAtMicroseconds: wire.effectiveAt.flatMap(Self.microseconds),
      subject: wire.subject,
      externalReference: wire.externalReference,
      recordsFact: wire.recordsFact,
      action: Self.action(wire),
      metadata: TransactionMetadata(wire.metadata.map { (key: $0.key, value: $0.value) })
    )
  }

  /// Nil if the fields do not go together.
  private static func action(_ wire: LedgerV1.PostingCommand) -> PostingAction? {
    let pending = LedgerTransactionID(wire.pendingID)
    let reversed = LedgerTransactionID(wire.reverses)
    switch (wire.phase, pending, wire.expiresAt, reversed) {
    case (.unspecified, nil, nil, nil): return .post
    case (.unspecified, nil, nil, let id?): return .reverse(id)
    case (.pending, nil, let time?, nil):
      return microseconds(time).map { .pending(expiresAtMicroseconds: $0) }
    case (.postPending, let id?, nil, nil): return .postPending(id)
    case (.voidPending, let id?, nil, nil): return .voidPending(id)
    default: return nil
    }
  }

  /// Nil outside the range of google.protobuf.Timestamp (years 1 to 9999), which also fits the
  /// tables.
  static func microseconds(_ time: GoogleProtobuf.Timestamp) -> Int64? {
    guard (-62_135_596_800...253_402_300_799).contains(time.seconds),
      (0...999_999_999).contains(time.nanos)
    else { return nil }
    return time.timestamp.microseconds
  }
}

extension PostingEntry {
  init(_ wire: LedgerV1.Entry) {
    let side: Side? =
      switch wire.side {
      case .debit: .debit
      case .credit: .credit
      case .unspecified, .unrecognized: nil
      }
    self.init(
      wire.accountCode,
      side,
      currencyCode: wire.amount?.currency ?? "",
      amountMinor: wire.amount?.amountMinor ?? 0
    )
  }
}

extension LedgerV1.Entry {
  init(_ entry: PostingEntry) {
    self.init(
      accountCode: entry.accountCode,
      side: entry.side == .credit ? .credit : .debit,
      amount: CommonV1.Money(currency: entry.currencyCode, amountMinor: entry.amountMinor)
    )
  }
}

extension TransactionMetadata {
  var wire: [CommonV1.MetadataEntry] {
    entries.map { CommonV1.MetadataEntry(key: $0.key, value: $0.value) }
  }
}

extension LedgerV1.Transaction {
  /// As booked: a leg in suspense shows the suspense account.
  init(_ stored: StoredTransaction) {
    let recorded = stored.recorded
    self.init(
      id: recorded.id.description,
      merchantID: recorded.merchant.description,
      kind: recorded.kind,
      entries: stored.booked.map { LedgerV1.Entry($0) },
      effectiveAt: GoogleProtobuf.Timestamp(
        Timestamp(microseconds: recorded.effectiveAtMicroseconds)
      ),
      recordedAt: GoogleProtobuf.Timestamp(stored.recordedAt),
      subject: recorded.subject,
      externalReference: recorded.externalReference,
      batch: UInt64(stored.batch),
      phase: LedgerV1.PostingPhase(recorded.action.phase),
      pendingID: recorded.action.pending?.description ?? "",
      expiresAt: recorded.action.expiresAtMicroseconds.map {
        GoogleProtobuf.Timestamp(Timestamp(microseconds: $0))
      },
      reverses: recorded.action.reversed?.description ?? "",
      endedBy: stored.endedBy?.description ?? "",
      metadata: recorded.metadata.wire
    )
  }
}

extension LedgerV1.PostingPhase {
  init(_ phase: PostingAction.Phase?) {
    self =
      switch phase {
      case nil: .unspecified
      case .pending: .pending
      case .postPending: .postPending
      case .voidPending: .voidPending
      case .expirePending: .expirePending
      }
  }
}
