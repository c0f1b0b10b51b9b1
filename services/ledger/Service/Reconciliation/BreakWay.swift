import LedgerCore
import Money

/// How a break may be ended by a booking.
struct BreakWay: Sendable {
  /// What is left of it after earlier settlements; nil: no booking of an amount ends it.
  var difference: Amount?
  var templates: [LineTemplate]

  init(_ found: ReconBreakRecord, _ line: ReconLineRecord?, settledMinor: Int64) {
    let whole = BreakSettlement.differenceMinor(
      found.reconClass,
      reportedMinor: found.reported?.minor,
      bookedMinor: found.booked?.minor,
      isOfLine: line != nil
    )
    let left = whole.map { $0.subtractingReportingOverflow(settledMinor) }
    let minor = left.flatMap { $0.overflow || $0.partialValue == 0 ? nil : $0.partialValue }
    let currency = found.reported?.currency ?? found.booked?.currency
    difference = currency.flatMap { code in minor.map { Amount(code, minor: $0) } }
    templates =
      found.state == .resolved
      ? []
      : BreakSettlement.templates(
        found.reconClass,
        type: line?.match.type,
        differenceMinor: difference?.minor
      )
  }
}
