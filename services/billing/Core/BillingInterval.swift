/// What a price's interval is counted in.
package enum IntervalUnit: Int16, Sendable, Hashable, CaseIterable {
  case day = 1
  case week = 2
  case month = 3
  case year = 4

  /// The word in JSON and in texts for people.
  package var publicName: String {
    switch self {
    case .day: "day"
    case .week: "week"
    case .month: "month"
    case .year: "year"
    }
  }
}

/// How long one period is: a number of units.
package struct BillingInterval: Sendable, Hashable {
  package static let countMax = 36

  package let unit: IntervalUnit
  /// 1 to 36.
  package let count: Int

  /// Nil for a count outside 1 to 36.
  package init?(_ unit: IntervalUnit, count: Int) {
    guard 1...Self.countMax ~= count else { return nil }
    self.unit = unit
    self.count = count
  }
}
