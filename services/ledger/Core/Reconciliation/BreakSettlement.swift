package import Money
package import ReportFormats

/// What can be booked to end a break.
package enum BreakSettlement {
  /// What was reported less what was booked, where both are amounts of one movement; nil where a
  /// booking cannot settle it: a fee that was taken is booked as it was taken; a line that came twice
  /// moved nothing; another currency or another outcome is a question, not a difference.
  package static func differenceMinor(
    _ reconClass: ReconClass,
    reportedMinor: Int64?,
    bookedMinor: Int64?,
    isOfLine: Bool
  ) -> Int64? {
    switch reconClass {
    case .missingInternal, .orphanReversal, .unknownType, .amountMismatch, .missingExternal,
      .batchTotalMismatch:
      break
    case .duplicate where !isOfLine: break
    case .duplicate, .matched, .timing, .feeMismatch, .currencyMismatch, .statusMismatch:
      return nil
    }
    let (difference, overflow) = (reportedMinor ?? 0).subtractingReportingOverflow(
      bookedMinor ?? 0
    )
    return overflow || difference == 0 ? nil : difference
  }

  /// What a break may be booked as by one person: the templates of its line where nothing answers it,
  /// and as an adjustment a difference in our favour. What is to be given up, two people write off.
  package static func templates(
    _ reconClass: ReconClass,
    type: ReportRowType?,
    differenceMinor: Int64?
  ) -> [LineTemplate] {
    var templates: [LineTemplate] = []
    if let type, [.missingInternal, .orphanReversal].contains(reconClass) {
      templates = LineTemplate.of(type)
    }
    if let differenceMinor, differenceMinor > 0, !templates.contains(.adjustment) {
      templates.append(.adjustment)
    }
    return templates
  }

  /// Whether it books what the line says, which the next run then pairs with it; if not, it books the
  /// difference, which no line will ever answer.
  package static func booksTheLine(
    _ template: LineTemplate,
    _ reconClass: ReconClass,
    type: ReportRowType?
  ) -> Bool {
    template.type == type && [.missingInternal, .orphanReversal].contains(reconClass)
  }
}

/// Up to what two people may give up, by currency.
package struct WriteOffLimits: Sendable, Hashable {
  package struct Mistake: Error, Sendable, Hashable {
    package let part: String
  }

  private var limits: [Currency: Int64] = [:]

  package init() {}

  /// `EUR 5000; USD 5000`: in minor units, each currency once.
  package init(parsing text: String) throws(Mistake) {
    for part in text.split(separator: ";") {
      let words = part.split(separator: " ").map(String.init)
      if words.isEmpty { continue }
      guard words.count == 2, let currency = Currency(words[0]), let minor = Int64(words[1]),
        (0...100_000_000).contains(minor), limits.updateValue(minor, forKey: currency) == nil
      else { throw Mistake(part: String(part)) }
    }
  }

  /// Nothing may be given up in a currency that is not named.
  package func limitMinor(of currency: Currency) -> Int64 { limits[currency] ?? 0 }

  package func allows(_ amount: Amount) -> Bool {
    amount.minor.magnitude <= limitMinor(of: amount.currency).magnitude
  }
}

/// What two people agree to give up: one has proposed it, the other one confirms it. Cannot be made by
/// one person alone.
package struct WriteOffAgreement: Sendable, Hashable {
  package let proposedBy: String
  package let approvedBy: String

  /// Nil when both are one person.
  package init?(proposedBy: String, approvedBy: String) {
    guard !proposedBy.isEmpty, !approvedBy.isEmpty, proposedBy != approvedBy else { return nil }
    (self.proposedBy, self.approvedBy) = (proposedBy, approvedBy)
  }
}
