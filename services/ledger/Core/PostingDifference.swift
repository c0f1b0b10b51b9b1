/// Names what differs between a stored transaction and a command with the same id.
package enum PostingDifference {
  /// The first differing field, in the order of the contract's fields; nil if they are the same.
  ///
  /// The order of the legs has no meaning. `recordsFact` is how a command wants to be treated, not
  /// what it says, and is not compared; neither is whether it was linked.
  package static func first(stored: PostingCommand, submitted: PostingCommand) -> String? {
    if stored.merchant != submitted.merchant { return "merchant_id" }
    if stored.kind != submitted.kind { return "kind" }
    if let difference = entries(stored.entries, submitted.entries) { return difference }
    if stored.effectiveAtMicroseconds != submitted.effectiveAtMicroseconds {
      return "effective_at"
    }
    if stored.subject != submitted.subject { return "subject" }
    if stored.externalReference != submitted.externalReference { return "external_reference" }
    if let difference = action(stored.action, submitted.action) { return difference }
    return stored.metadata == submitted.metadata ? nil : "metadata"
  }

  private static func action(_ stored: PostingAction?, _ submitted: PostingAction?) -> String? {
    if stored == submitted { return nil }
    if stored?.phase != submitted?.phase { return "phase" }
    if stored?.pending != submitted?.pending { return "pending_id" }
    if stored?.expiresAtMicroseconds != submitted?.expiresAtMicroseconds { return "expires_at" }
    return "reverses"
  }

  private static func entries(_ stored: [PostingEntry], _ submitted: [PostingEntry]) -> String? {
    if stored == submitted { return nil }
    guard stored.count == submitted.count else { return "entries" }
    for (left, right) in zip(stored.sorted(by: precedes), submitted.sorted(by: precedes)) {
      if left.accountCode != right.accountCode { return "entries.account_code" }
      if left.side != right.side { return "entries.side" }
      if left.currencyCode != right.currencyCode { return "entries.amount.currency" }
      if left.amountMinor != right.amountMinor { return "entries.amount.amount_minor" }
    }
    return nil
  }

  private static func precedes(_ left: PostingEntry, _ right: PostingEntry) -> Bool {
    (left.accountCode, left.side?.rawValue ?? 0, left.currencyCode, left.amountMinor)
      < (right.accountCode, right.side?.rawValue ?? 0, right.currencyCode, right.amountMinor)
  }
}
