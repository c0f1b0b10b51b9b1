package import Money
package import ReportFormats

/// A line as far as matching looks at it.
package struct ReconLine: Sendable, Hashable {
  package var type: ReportRowType
  /// Ids that the books would have given to this movement.
  package var movementIDs: [LedgerTransactionID]
  /// The gateway's ids of the movement itself; empty ones are none.
  package var sourceReferences: [String]
  /// The gateway's id of the payment; empty: none.
  package var paymentReference: String
  /// Towards us positive.
  package var amount: Amount

  package init(
    type: ReportRowType,
    movementIDs: [LedgerTransactionID] = [],
    sourceReferences: [String] = [],
    paymentReference: String = "",
    amount: Amount
  ) {
    self.type = type
    self.movementIDs = movementIDs
    self.sourceReferences = sourceReferences
    self.paymentReference = paymentReference
    self.amount = amount
  }
}

/// What a transaction moved on the clearing account, in one currency.
package struct LedgerItem: Sendable, Hashable {
  package var id: LedgerTransactionID
  /// As stored: later releases may book kinds that this one does not know.
  package var kind: String
  package var externalReference: String
  /// Debits positive: towards us.
  package var amount: Amount

  package init(
    id: LedgerTransactionID,
    kind: String,
    externalReference: String,
    amount: Amount
  ) {
    self.id = id
    self.kind = kind
    self.externalReference = externalReference
    self.amount = amount
  }
}

/// By what a line and an item know each other, strongest first. The numbers are those of SQL.
package enum MatchRung: Int16, Sendable, Hashable, CaseIterable {
  /// The transaction's id derives from the movement that the line names.
  case movement = 1
  /// The item bears the gateway's id of the movement.
  case source = 2
  /// The item bears the gateway's id of the payment.
  case payment = 3

  package var words: String {
    switch self {
    case .movement: "the movement's own id"
    case .source: "the gateway's id of the movement"
    case .payment: "the gateway's id of the payment"
    }
  }
}

/// How well the two agree, best first.
package enum MatchFit: Int16, Sendable, Hashable, CaseIterable {
  case exact = 1
  case otherAmount = 2
  case otherCurrency = 3
  /// The same money, but another thing became of it.
  case otherStatus = 4

  /// `exact` is still subject to the fee check.
  package var reconClass: ReconClass {
    switch self {
    case .exact: .matched
    case .otherAmount: .amountMismatch
    case .otherCurrency: .currencyMismatch
    case .otherStatus: .statusMismatch
    }
  }
}

/// The ladder: every fit on every rung before the next fit, so that nothing that matches exactly is
/// taken by something that nearly does. Within a step, the earliest line takes the earliest item.
package enum MatchLadder {
  package struct Step: Sendable, Hashable {
    package let fit: MatchFit
    package let rung: MatchRung

    package init(fit: MatchFit, rung: MatchRung) {
      self.fit = fit
      self.rung = rung
    }
  }

  package static let steps: [Step] = MatchFit.allCases.flatMap { fit in
    MatchRung.allCases.map { Step(fit: fit, rung: $0) }
  }

  /// Where the two meet; nil: they have nothing to do with each other.
  package static func step(_ line: ReconLine, _ item: LedgerItem) -> Step? {
    guard let rung = rung(line, item), let fit = fit(line, item) else { return nil }
    return Step(fit: fit, rung: rung)
  }

  package static func rung(_ line: ReconLine, _ item: LedgerItem) -> MatchRung? {
    if line.movementIDs.contains(item.id) { return .movement }
    guard !item.externalReference.isEmpty else { return nil }
    if line.sourceReferences.contains(item.externalReference) { return .source }
    return line.paymentReference == item.externalReference ? .payment : nil
  }

  package static func fit(_ line: ReconLine, _ item: LedgerItem) -> MatchFit? {
    guard let pairing = ReconPairing.of(line.type), let kind = PostingKind(rawValue: item.kind)
    else { return nil }
    guard pairing.kinds.contains(kind) else {
      let isRelated = ReconPairing.all.contains {
        $0.family == pairing.family && $0.kinds.contains(kind)
      }
      return isRelated ? .otherStatus : nil
    }
    guard line.amount.currency == item.amount.currency else { return .otherCurrency }
    return line.amount.minor == item.amount.minor ? .exact : .otherAmount
  }
}
