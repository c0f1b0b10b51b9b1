package import Money

/// A stretch of time that is billed at once: from `start`, up to but without `end`.
package struct BillingPeriod: Sendable, Hashable {
  /// 0 is the first.
  package let index: Int
  package let start: Timestamp
  package let end: Timestamp
}

/// When a subscription is billed. Period k starts at anchor + k intervals, always counted from the
/// stored anchor and never from the boundary before, so that a 31st comes back after a February.
///
/// All in UTC. Months and years keep the anchor's day and time of day; a day that the month lacks
/// becomes the month's last one.
package struct BillingSchedule: Sendable, Hashable {
  private static let microsecondsPerDay: Int64 = 86_400_000_000

  package let anchor: Timestamp
  package let interval: BillingInterval

  package init(anchor: Timestamp, interval: BillingInterval) {
    self.anchor = anchor
    self.interval = interval
  }

  /// Where period `index` starts. Nil beyond the year 9999 and for a negative index.
  package func start(of index: Int) -> Timestamp? {
    let (units, overflow) = index.multipliedReportingOverflow(by: interval.count)
    guard index >= 0, !overflow, units <= Self.unitsMax else { return nil }
    return switch interval.unit {
    case .day: later(days: units)
    case .week: later(days: units * 7)
    case .month: later(months: units)
    case .year: later(months: units * 12)
    }
  }

  /// Nil beyond the year 9999 and for a negative index.
  package func period(_ index: Int) -> BillingPeriod? {
    guard let start = self.start(of: index), let end = self.start(of: index + 1) else { return nil }
    return BillingPeriod(index: index, start: start, end: end)
  }

  /// The period that holds a moment; nil before the anchor and beyond the year 9999.
  package func period(at moment: Timestamp) -> BillingPeriod? {
    guard moment >= anchor else { return nil }
    // Search by halves: starts grow with the index.
    var low = 0
    var high = 1
    while let start = self.start(of: high), start <= moment {
      low = high
      high *= 2
    }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if let start = self.start(of: middle), start <= moment { low = middle } else { high = middle }
    }
    return period(low)
  }

  /// More days than there are up to the year 9999: keeps the arithmetic below far from overflow.
  private static let unitsMax = 4_000_000

  private func later(days: Int) -> Timestamp? {
    let (moved, overflow) = anchor.microseconds.addingReportingOverflow(
      Int64(days) * Self.microsecondsPerDay)
    guard !overflow else { return nil }
    let moment = Timestamp(microseconds: moved)
    return moment.date.year <= 9_999 ? moment : nil
  }

  private func later(months: Int) -> Timestamp? {
    let date = anchor.date
    let month = date.year * 12 + date.month - 1 + months
    let (year, monthOfYear) = (month / 12, month % 12 + 1)
    let day = min(date.day, CivilDate.days(inMonth: monthOfYear, ofYear: year))
    guard let moved = CivilDate(year: year, month: monthOfYear, day: day) else { return nil }
    let timeOfDay = anchor - Timestamp(date)
    return Timestamp(moved) + timeOfDay
  }
}
