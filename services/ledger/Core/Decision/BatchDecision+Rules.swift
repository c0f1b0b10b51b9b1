import Money

// What the books do not allow, and what they take in any case.
extension BatchDecision {
  // MARK: Rules

  func refusal(_ posting: BookablePosting) -> PostingRefusal? {
    // Nothing is held on a closed account, so what has no legs of its own releases nothing there.
    if posting.entries.contains(where: { isClosed(account($0, posting.merchant)) }) {
      return .accountClosed
    }
    if let sealed = state.sealedUntilMicroseconds, posting.effectiveAtMicroseconds < sealed {
      return .daySealed
    }
    return switch posting.action {
    case .post: nil
    case .pending(let expiresAt): expiry(expiresAt)
    case .postPending(let id):
      ending(id, posting) ?? (exceeds(id, posting) ? .pendingExceeded : nil)
    case .voidPending(let id): ending(id, posting)
    case .expirePending: nil
    case .reverse(let id): reversal(id, posting)
    }
  }

  private func isClosed(_ account: AccountID) -> Bool { state.accounts[account]?.isClosed ?? false }

  func expiry(_ expiresAt: Int64) -> PostingRefusal? {
    if expiresAt <= state.nowMicroseconds { return .expiryPassed }
    let most = Self.pendingDaysMax * 86_400_000_000
    return expiresAt - state.nowMicroseconds > most ? .expiryTooFar : nil
  }

  func ending(
    _ id: LedgerTransactionID,
    _ posting: BookablePosting
  ) -> PostingRefusal? {
    guard let pending = state.pendings[id], pending.merchant == posting.merchant else {
      return .pendingUnknown
    }
    switch pending.ending {
    case .postPending: return .pendingPosted
    case .voidPending: return .pendingVoided
    case .expirePending: return .pendingExpired
    case .pending, nil:
      return pending.expiresAtMicroseconds <= state.nowMicroseconds ? .pendingExpired : nil
    }
  }

  /// Whether it posts more than is held, on any account and side.
  func exceeds(_ id: LedgerTransactionID, _ posting: BookablePosting) -> Bool {
    var rest: [LegKey: Int128] = [:]
    for leg in state.pendings[id]?.legs ?? [] {
      rest[LegKey(account: leg.account, side: leg.side), default: 0] += Int128(leg.amountMinor)
    }
    for entry in posting.entries {
      let key = LegKey(account: account(entry, posting.merchant), side: entry.side)
      rest[key, default: 0] -= Int128(entry.amountMinor)
    }
    return rest.values.contains { $0 < 0 }
  }

  func reversal(
    _ id: LedgerTransactionID,
    _ posting: BookablePosting
  ) -> PostingRefusal? {
    guard let reversed = state.reversible[id], reversed.merchant == posting.merchant else {
      return .reversedUnknown
    }
    if reversed.isReversed { return .reversedAlready }
    return differs(id, posting) ? .reversalDiffers : nil
  }

  /// Whether its legs are not those of the transaction with the sides exchanged.
  func differs(_ id: LedgerTransactionID, _ posting: BookablePosting) -> Bool {
    var sums: [LegKey: Int128] = [:]
    for leg in state.reversible[id]?.legs ?? [] {
      let key = LegKey(account: leg.account, side: leg.side.opposite)
      sums[key, default: 0] += Int128(leg.amountMinor)
    }
    for entry in posting.entries {
      let key = LegKey(account: account(entry, posting.merchant), side: entry.side)
      sums[key, default: 0] -= Int128(entry.amountMinor)
    }
    return sums.values.contains { $0 != 0 }
  }

  private struct LegKey: Hashable {
    var account: AccountID
    var side: Side
  }

  // MARK: Facts

  /// Whether it ends what it names: for who asks always, once it was not refused; a fact is booked
  /// whether or not there is something to end.
  func ends(_ posting: BookablePosting) -> Bool {
    switch posting.action {
    case .post, .pending: false
    case .postPending(let id), .voidPending(let id), .expirePending(let id):
      state.pendings[id].map { $0.merchant == posting.merchant && $0.ending == nil } ?? false
    case .reverse(let id):
      state.reversible[id].map { $0.merchant == posting.merchant && !$0.isReversed } ?? false
    }
  }

  func remarks(_ posting: BookablePosting, ends: Bool) -> [PostingRemark] {
    switch posting.action {
    case .postPending(let id): ends && !exceeds(id, posting) ? [] : [.pendingDiffers(id)]
    case .reverse(let id): ends && !differs(id, posting) ? [] : [.reversalDiffers(id)]
    case .post, .pending, .voidPending, .expirePending: []
    }
  }
}
