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
/// taken by something that nearly does. A line may have several keys on a rung; each is a step of its
/// own, in the order in which the line has them. Within a step, the earliest line takes the earliest
/// item.
///
/// So within a step a line has one key, and whatever has that key (and agrees in what the fit asks)
/// can take each of the others': giving the first line the first item, the second the second, is the
/// same as asking line after line. That is how SQL climbs (`ReconClimb`), all lines at once.
package enum MatchLadder {
  package struct Step: Sendable, Hashable, Comparable {
    package let fit: MatchFit
    package let rung: MatchRung
    /// Which of the line's keys on the rung, from 1.
    package let place: Int
    /// An item may be of two families (a reversal); within one it is of one type.
    package let family: ReconPairing.Family

    package init(fit: MatchFit, rung: MatchRung, place: Int, family: ReconPairing.Family) {
      self.fit = fit
      self.rung = rung
      self.place = place
      self.family = family
    }

    private var order: (Int16, Int16, Int, Int) {
      (
        fit.rawValue, rung.rawValue, place,
        ReconPairing.Family.allCases.firstIndex(of: family) ?? 0
      )
    }

    package static func < (left: Step, right: Step) -> Bool { left.order < right.order }
  }

  /// A key that some line and some item of a family have in common.
  package typealias Foothold = (rung: MatchRung, place: Int, family: ReconPairing.Family)

  /// The steps of one fit that footholds allow, in the order in which they are climbed; the next fit
  /// is climbed by those that are left.
  package static func steps(_ fit: MatchFit, over footholds: [Foothold]) -> [Step] {
    footholds.filter { fit != .otherStatus || $0.family.hasOtherStatus }
      .map { Step(fit: fit, rung: $0.rung, place: $0.place, family: $0.family) }.sorted()
  }

  /// Where the two meet; nil: they have nothing to do with each other.
  package static func step(_ line: ReconLine, _ item: LedgerItem) -> Step? {
    guard let (rung, place) = key(line, item), let fit = fit(line, item),
      let family = ReconPairing.of(line.type)?.family
    else { return nil }
    return Step(fit: fit, rung: rung, place: place, family: family)
  }

  package static func rung(_ line: ReconLine, _ item: LedgerItem) -> MatchRung? {
    key(line, item)?.rung
  }

  /// The strongest key that both have.
  private static func key(
    _ line: ReconLine,
    _ item: LedgerItem
  ) -> (rung: MatchRung, place: Int)? {
    if let index = line.movementIDs.firstIndex(of: item.id) { return (.movement, index + 1) }
    guard !item.externalReference.isEmpty else { return nil }
    if let index = line.sourceReferences.firstIndex(of: item.externalReference) {
      return (.source, index + 1)
    }
    return line.paymentReference == item.externalReference ? (.payment, 1) : nil
  }

  package static func fit(_ line: ReconLine, _ item: LedgerItem) -> MatchFit? {
    guard let pairing = ReconPairing.of(line.type), let kind = PostingKind(rawValue: item.kind)
    else { return nil }
    guard pairing.kinds.contains(kind) else {
      guard pairing.family.hasOtherStatus else { return nil }
      let isRelated = ReconPairing.all.contains {
        $0.family == pairing.family && $0.kinds.contains(kind)
      }
      return isRelated ? .otherStatus : nil
    }
    guard line.amount.currency == item.amount.currency else { return .otherCurrency }
    return line.amount.minor == item.amount.minor ? .exact : .otherAmount
  }
}
