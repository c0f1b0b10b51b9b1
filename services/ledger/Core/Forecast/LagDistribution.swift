package import Money

/// In how many business days money is paid out, and how likely each is: observed, or agreed until
/// enough is observed.
package struct LagDistribution: Sendable, Hashable {
  /// Fewer observations than these say less than the contract does.
  package static let observationsMin = 10
  /// How far back observations count, in days.
  package static let windowDays = 180

  package enum Source: String, Sendable, Hashable, CaseIterable { case contract, observed }

  package let source: Source
  /// Days of payment that were paid, each with each day of payout.
  package let observations: Int
  /// By lag, ascending: amounts in minor units.
  package let weights: [(lag: Int, weight: Double)]

  package static func == (left: LagDistribution, right: LagDistribution) -> Bool {
    left.source == right.source && left.observations == right.observations
      && left.weights.elementsEqual(right.weights) { $0 == $1 }
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(source)
    hasher.combine(observations)
    for (lag, weight) in weights {
      hasher.combine(lag)
      hasher.combine(weight)
    }
  }

  /// - Parameter today: payouts of the last `windowDays` before it count.
  package init(
    _ paid: [ClearingHistory.Paid],
    terms: SettlementTerms,
    today: CivilDate,
    observationsMin: Int = Self.observationsMin
  ) {
    var byLag: [Int: Double] = [:]
    var seen: Set<[CivilDate]> = []
    for part in paid
    where today.daysSince1970 - part.on.daysSince1970 <= Self.windowDays {
      let lag = terms.calendar.businessDays(from: part.from, through: part.on)
      byLag[min(lag, SettlementTerms.lagDaysMax), default: 0] += Double(part.amountMinor)
      seen.insert([part.from, part.on])
    }
    observations = seen.count
    if observations < max(1, observationsMin) {
      source = .contract
      weights = [(terms.lagDays, 1)]
    } else {
      source = .observed
      weights = byLag.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }

  /// The shortest lag within which so much of the money (0 to 1) was paid.
  package func quantile(_ share: Double) -> Int {
    Self.quantile(share, of: weights.map { ($0.lag, $0.weight) }) ?? 0
  }

  /// The first value at which so much of the weight is reached; nil without any.
  static func quantile<V>(_ share: Double, of values: [(V, Double)]) -> V? {
    let total = values.reduce(0) { $0 + $1.1 }
    var sum = 0.0
    for (value, weight) in values {
      sum += weight
      // What rounding takes must not lead to the next value.
      if sum >= share * total - total * 1e-9 { return value }
    }
    return values.last?.0
  }
}
