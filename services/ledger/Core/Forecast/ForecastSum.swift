import Money

/// What is expected of some days' open money, on its way to a forecast.
struct ForecastSum {
  private let lags: LagDistribution
  private var outcomes: [CivilDate: [DayOutcomes.Part]] = [:]
  private var expected: [CivilDate: Int64] = [:]
  private var openMinor: Int64 = 0
  private var feesMinor: Int64 = 0
  private var late: [SettlementForecast.Overdue] = []

  init(lags: LagDistribution) { self.lags = lags }

  /// Of one method, whose lags these are.
  mutating func add(
    _ days: [ClearingHistory.Day],
    _ shares: FeeShares?,
    _ calendar: BusinessCalendar,
    today: CivilDate,
    graceDays: Int
  ) {
    let p90Lag = lags.quantile(0.9)
    for part in days where part.openMinor > 0 {
      let dueOn = calendar.day(p90Lag, after: part.day)
      let isOverdue = calendar.day(graceDays, after: dueOn) < today
      if isOverdue {
        late.append(
          .init(day: part.day, part.method, dueOn: dueOn, openMinor: part.openMinor)
        )
      }
      let net = FeeShares.net(of: part, shares)
      openMinor &+= part.openMinor
      feesMinor &+= part.openMinor - net.median
      // What is neither paid nor overdue is still due within the grace.
      // Several lags may end on one day, behind a holiday: the money comes once.
      var dates = Dictionary(
        lags.weights.map { (calendar.day($0.lag, after: part.day), $0.weight) },
        uniquingKeysWith: +
      ).map { ($0.key, $0.value) }
        .filter { today <= calendar.day(graceDays, after: $0.0) }.sorted { $0.0 < $1.0 }
      let isLate = isOverdue || dates.isEmpty
      if isLate { dates = [(calendar.day(0, after: today), 1)] }
      let total = dates.reduce(0) { $0 + $1.1 }
      if let median = LagDistribution.quantile(0.5, of: dates) {
        expected[median, default: 0] &+= net.median
      }
      for (day, weight) in dates {
        outcomes[day, default: []].append(
          // Nobody knows when what is late will come.
          .init(
            from: part.day,
            low: isLate ? 0 : net.low,
            high: net.high,
            probability: weight / total
          )
        )
      }
    }
  }

  /// Of another method.
  mutating func add(_ other: ForecastSum) {
    openMinor &+= other.openMinor
    feesMinor &+= other.feesMinor
    late += other.late
    expected.merge(other.expected, uniquingKeysWith: &+)
    outcomes.merge(other.outcomes, uniquingKeysWith: +)
  }

  var part: SettlementForecast.Part {
    SettlementForecast.Part(
      openMinor: openMinor,
      feesMinor: feesMinor,
      lags: lags,
      days: outcomes.keys.sorted().compactMap { day in
        let p50 = expected[day] ?? 0
        let parts = outcomes[day] ?? []
        let low: [DayOutcomes.Amount] = parts.map { ($0.from, $0.low, $0.probability) }
        let high: [DayOutcomes.Amount] = parts.map { ($0.from, $0.high, $0.probability) }
        let p10 = min(p50, DayOutcomes(low).quantile(0.1))
        let p90 = max(p50, DayOutcomes(high).quantile(0.9))
        return p90 == 0 ? nil : SettlementForecast.Day(day, p10: p10, p50: p50, p90: p90)
      },
      overdue: late.sorted { ($0.day, $0.method) < ($1.day, $1.method) }
    )
  }
}
