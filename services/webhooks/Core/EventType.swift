/// The names of event types: words of a-z, 0-9 and `_`, joined by full stops.
package enum EventType {
  package static let lengthMax = 64

  package static func isValid(_ text: String) -> Bool {
    guard text.utf8.count <= lengthMax else { return false }
    return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isWord)
  }

  static func isWord(_ word: Substring) -> Bool {
    !word.isEmpty && word.utf8.allSatisfy { 0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == 0x5F }
  }
}

/// One event type, or all below a name: `payment_intent.succeeded`, `payment_intent.*`, `*`.
package struct EventFilter: Sendable, Hashable {
  /// First words of the types that exist; subscriptions are `customer.subscription.…`. The types
  /// themselves are listed in `services/webhooks/README.md`.
  package static let families: Set<String> = [
    "coupon", "credit_note", "customer", "dispute", "invoice", "ledger", "mandate", "merchant",
    "operations", "payment_intent", "payment_method", "payout", "price", "product",
    "reconciliation", "refund", "setup_intent", "webhook_endpoint",
  ]

  package let text: String

  /// Nil for a text that no event type can ever match.
  package init?(_ text: String) {
    var name = Substring(text)
    if text != "*" {
      if name.hasSuffix(".*") { name = name.dropLast(2) }
      guard EventType.isValid(String(name)),
        let family = name.split(separator: ".").first, Self.families.contains(String(family))
      else { return nil }
    }
    self.text = text
  }

  package static func matches(_ filter: String, _ type: String) -> Bool {
    if filter == "*" { return true }
    guard filter.hasSuffix(".*") else { return filter == type }
    return type.hasPrefix(filter.dropLast())
  }

  /// Whether an endpoint with these filters wants the type; no filter means all.
  package static func wants(_ filters: [String], _ type: String) -> Bool {
    filters.isEmpty || filters.contains { matches($0, type) }
  }
}
