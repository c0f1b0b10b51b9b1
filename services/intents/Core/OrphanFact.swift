/// What gateway-router has found out about money that is nobody's payment: an attempt that had lost, or
/// whose operation was closed, took it all the same. The intent's state has no part in it.
package enum OrphanFact: Sendable, Hashable, CaseIterable {
  case captured
  case reversed

  /// Two movements of the same amount; the books hold each once.
  package var notices: [Notice] {
    switch self {
    case .captured: [.bookOrphanCapture, .event("payment_intent.orphan_captured")]
    case .reversed: [.bookOrphanReversal, .event("payment_intent.orphan_reversed")]
    }
  }
}
