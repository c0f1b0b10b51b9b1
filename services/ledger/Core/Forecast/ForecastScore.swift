package import Money

/// What was forecast of a day, and what came.
package struct ForecastScore: Sendable, Hashable {
  /// Business days after its end until a day counts as known: reports of it have come and are
  /// booked.
  package static let settledDays = 2
  /// How far ahead forecasts are scored, in business days.
  package static let horizonMax = 10

  package let madeOn: CivilDate
  package let day: CivilDate
  /// Business days from the one to the other.
  package let horizonDays: Int
  package let p10Minor: Int64
  package let p50Minor: Int64
  package let p90Minor: Int64
  package let actualMinor: Int64

  package init(
    madeOn: CivilDate,
    horizonDays: Int,
    _ forecast: SettlementForecast.Day,
    actualMinor: Int64
  ) {
    self.madeOn = madeOn
    day = forecast.day
    self.horizonDays = horizonDays
    p10Minor = forecast.p10Minor
    p50Minor = forecast.p50Minor
    p90Minor = forecast.p90Minor
    self.actualMinor = actualMinor
  }

  /// The scores of one forecast for the days that are known by now: what was paid on each out of
  /// the money that was there when the forecast was made. A day without either says nothing.
  package static func scores(
    of forecast: [SettlementForecast.Day],
    madeOn: CivilDate,
    against history: ClearingHistory,
    calendar: BusinessCalendar,
    today: CivilDate
  ) -> [ForecastScore] {
    var actual: [CivilDate: Int64] = [:]
    for part in history.paid where part.from < madeOn && part.on >= madeOn {
      actual[part.on, default: 0] += part.amountMinor
    }
    let expected = Dictionary(forecast.map { ($0.day, $0) }) { first, _ in first }
    return Set(actual.keys).union(expected.keys).sorted().compactMap { day in
      let horizon = calendar.businessDays(from: madeOn, through: day)
      guard day >= madeOn, horizon <= horizonMax,
        calendar.day(settledDays, after: day) < today
      else { return nil }
      return ForecastScore(
        madeOn: madeOn,
        horizonDays: horizon,
        expected[day] ?? SettlementForecast.Day(day, p10: 0, p50: 0, p90: 0),
        actualMinor: actual[day] ?? 0
      )
    }
  }
}

/// How good forecasts were.
package struct ForecastErrors: Sendable, Hashable {
  package let count: Int
  /// The mean of |forecast less actual| over actual, in percent, over days on which something came;
  /// nil without one.
  package let mapePercent: Double?
  /// How many days came between the tenth and the ninetieth percentile, in percent: 80 is right.
  package let coveragePercent: Double
  /// All that was forecast less all that came, over what came, in percent: above zero, forecasts
  /// promise too much. Nil if nothing came.
  package let biasPercent: Double?

  /// nil without scores.
  package init?(_ scores: [ForecastScore]) {
    guard !scores.isEmpty else { return nil }
    count = scores.count
    let came = scores.filter { $0.actualMinor > 0 }
    let errors = came.map {
      abs(Double($0.p50Minor) - Double($0.actualMinor)) / Double($0.actualMinor)
    }
    mapePercent = errors.isEmpty ? nil : 100 * errors.reduce(0, +) / Double(errors.count)
    let covered = scores.count { $0.p10Minor <= $0.actualMinor && $0.actualMinor <= $0.p90Minor }
    coveragePercent = 100 * Double(covered) / Double(scores.count)
    let actual = scores.reduce(0) { $0 + Double($1.actualMinor) }
    let forecast = scores.reduce(0) { $0 + Double($1.p50Minor) }
    biasPercent = actual > 0 ? 100 * (forecast - actual) / actual : nil
  }
}
