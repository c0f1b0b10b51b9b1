package import Money

/// What a payment method is, where the rules of intents must know it. Raw values are those of the
/// vault's contract.
package enum MethodType: Int16, Sendable, Hashable, CaseIterable {
  case card = 1
  case sepaDebit = 2
}

/// A refund of a direct debit may be paid twice: the payer gets it, and has the bank take the debit
/// back as well. So it needs the caller's word while the payer needs no reason (DESIGN section 8).
package enum ReturnRisk {
  /// SEPA Core: for 8 weeks after the debit (EPC016-06).
  package static let windowSeconds: Int64 = 8 * 7 * 86_400

  /// Until when a refund of captured money needs `accept_return_risk`; nil where it never does.
  package static func end(of kind: MethodType, debitedAt: Timestamp) -> Timestamp? {
    switch kind {
    case .card: nil
    case .sepaDebit: debitedAt + .seconds(windowSeconds)
    }
  }

  /// Whether it depends on what the payment method is.
  package static func mayBeOpen(debitedAt: Timestamp, at now: Timestamp) -> Bool {
    MethodType.allCases.contains { type in
      end(of: type, debitedAt: debitedAt).map { now < $0 } ?? false
    }
  }
}
