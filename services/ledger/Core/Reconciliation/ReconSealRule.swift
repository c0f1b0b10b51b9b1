package import Money

/// What is known of a book's days up to one, right after a comparison, when somebody wants to seal them.
package struct ReconSealState: Sendable, Hashable {
  /// The last day that a report reaches to; nil: there is none.
  package var reportedThrough: CivilDate?
  /// Whether each clearing account is the sum of its items.
  package var totalsAgree: Bool
  /// Booked by the day's end, not reported and not overdue.
  package var awaitedCount: Int64
  /// Breaks of those days that are neither resolved nor accepted.
  package var openBreakCount: Int64

  package init(
    reportedThrough: CivilDate?,
    totalsAgree: Bool,
    awaitedCount: Int64,
    openBreakCount: Int64
  ) {
    self.reportedThrough = reportedThrough
    self.totalsAgree = totalsAgree
    self.awaitedCount = awaitedCount
    self.openBreakCount = openBreakCount
  }
}

/// When a person may say that books and reports agree up to a day.
package enum ReconSealRule {
  /// Why not, in the order in which one mends it.
  package enum Refusal: Sendable, Hashable {
    case reportsMissing(through: CivilDate?)
    case totalsDeviate
    case itemsAwaited(Int64)
    case breaksOpen(Int64)
  }

  /// The first thing that stands in the way; nil: nothing does.
  package static func refusal(of day: CivilDate, _ state: ReconSealState) -> Refusal? {
    guard let reported = state.reportedThrough, reported >= day else {
      return .reportsMissing(through: state.reportedThrough)
    }
    guard state.totalsAgree else { return .totalsDeviate }
    guard state.awaitedCount == 0 else { return .itemsAwaited(state.awaitedCount) }
    guard state.openBreakCount == 0 else { return .breaksOpen(state.openBreakCount) }
    return nil
  }
}
