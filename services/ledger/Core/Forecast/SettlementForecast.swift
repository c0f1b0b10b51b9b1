package import Money

/// What a gateway will pay out of what it holds: by day, with the tenth, fiftieth and ninetieth
/// percentile.
///
/// The fiftieth percentiles of all days and the expected fees come to what is open: each day's
/// money is expected whole on the day by which half of such money was paid so far. The other two
/// say what comes on that day with a probability of nine in ten at least, and at most.
package struct SettlementForecast: Sendable, Hashable {
  /// Business days that money may be later than nine tenths of it so far before somebody must look:
  /// a payout is booked from the gateway's report, which comes a day later.
  package static let graceDays = 2

  package struct Day: Sendable, Hashable {
    package let day: CivilDate
    package let p10Minor: Int64
    package let p50Minor: Int64
    package let p90Minor: Int64

    package init(_ day: CivilDate, p10 p10Minor: Int64, p50 p50Minor: Int64, p90 p90Minor: Int64) {
      self.day = day
      self.p10Minor = p10Minor
      self.p50Minor = p50Minor
      self.p90Minor = p90Minor
    }
  }

  /// Money that should be here.
  package struct Overdue: Sendable, Hashable {
    /// On which it came to the gateway.
    package let day: CivilDate
    /// By which nine tenths of such money were paid.
    package let dueOn: CivilDate
    package let openMinor: Int64

    package init(day: CivilDate, dueOn: CivilDate, openMinor: Int64) {
      (self.day, self.dueOn, self.openMinor) = (day, dueOn, openMinor)
    }
  }

  package let openMinor: Int64
  /// Fees that are expected within what is open: they are booked with the payout.
  package let feesMinor: Int64
  package let lags: LagDistribution
  /// Ascending. Days before today are awaited: their payouts may have come and not be booked yet.
  package let days: [Day]
  package let overdue: [Overdue]

  package var overdueMinor: Int64 { overdue.reduce(0) { $0 &+ $1.openMinor } }

  /// - Parameters:
  ///   - history: of one currency at one account.
  ///   - today: nothing is expected before it, but for what is awaited.
  ///   - lagObservations: nil is `LagDistribution.observationsMin`.
  package init(
    _ history: ClearingHistory,
    terms: SettlementTerms,
    today: CivilDate,
    graceDays: Int = Self.graceDays,
    observationsMin: Int = LagDistribution.observationsMin
  ) {
    let calendar = terms.calendar
    let lags = LagDistribution(
      history.paid,
      terms: terms,
      today: today,
      observationsMin: observationsMin
    )
    let shares = FeeShares(history, today: today, observationsMin: observationsMin)
    let p90Lag = lags.quantile(0.9)
    var outcomes: [CivilDate: [DayOutcomes.Part]] = [:]
    var expected: [CivilDate: Int64] = [:]
    var (open, fees) = (Int64(0), Int64(0))
    var late: [Overdue] = []
    for part in history.days where part.openMinor > 0 {
      let dueOn = calendar.day(p90Lag, after: part.day)
      let isOverdue = calendar.day(graceDays, after: dueOn) < today
      if isOverdue {
        late.append(Overdue(day: part.day, dueOn: dueOn, openMinor: part.openMinor))
      }
      let net = shares.net(of: part)
      open += part.openMinor
      fees += part.openMinor - net.median
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
        expected[median, default: 0] += net.median
      }
      for (day, weight) in dates {
        outcomes[day, default: []].append(
          // Nobody knows when what is late will come.
          .init(low: isLate ? 0 : net.low, high: net.high, probability: weight / total)
        )
      }
    }
    openMinor = open
    feesMinor = fees
    self.lags = lags
    overdue = late
    days = outcomes.keys.sorted().compactMap { day in
      let p50 = expected[day] ?? 0
      let parts = outcomes[day] ?? []
      let p10 = min(p50, DayOutcomes(parts.map { ($0.low, $0.probability) }).quantile(0.1))
      let p90 = max(p50, DayOutcomes(parts.map { ($0.high, $0.probability) }).quantile(0.9))
      return p90 == 0 ? nil : Day(day, p10: p10, p50: p50, p90: p90)
    }
  }
}

/// What share of money goes away as fees, as it was with what is paid out.
struct FeeShares {
  private let low: Double
  private let median: Double
  private let high: Double

  init(_ history: ClearingHistory, today: CivilDate, observationsMin: Int) {
    let shares = history.days.filter {
      $0.openMinor == 0 && $0.inMinor > 0
        && today.daysSince1970 - $0.day.daysSince1970 <= LagDistribution.windowDays
    }.map { (min(1, Double($0.feeMinor) / Double($0.inMinor)), Double($0.inMinor)) }
      .sorted { $0.0 < $1.0 }
    guard shares.count >= max(1, observationsMin) else {
      (low, median, high) = (0, 0, 0)
      return
    }
    low = LagDistribution.quantile(0.1, of: shares) ?? 0
    median = LagDistribution.quantile(0.5, of: shares) ?? 0
    high = LagDistribution.quantile(0.9, of: shares) ?? 0
  }

  /// What will be paid of a day's open money. Where its fees are booked, all of it.
  func net(of day: ClearingHistory.Day) -> (low: Int64, median: Int64, high: Int64) {
    guard day.feeMinor == 0 else { return (day.openMinor, day.openMinor, day.openMinor) }
    func less(_ share: Double) -> Int64 {
      day.openMinor - min(day.openMinor, Int64((Double(day.openMinor) * share).rounded()))
    }
    return (less(high), less(median), less(low))
  }
}

/// What a day may bring: parts that come on it, or on another one, each by itself.
struct DayOutcomes {
  struct Part {
    var low: Int64
    var high: Int64
    var probability: Double
  }

  /// More uncertain parts than these are counted at what is expected of them: twice as many
  /// outcomes for each.
  static let uncertainMax = 10

  private let outcomes: [(Int64, Double)]

  init(_ parts: [(amount: Int64, probability: Double)]) {
    var certain: Int64 = 0
    var uncertain: [(amount: Int64, probability: Double)] = []
    for part in parts where part.amount > 0 {
      if part.probability >= 1 { certain += part.amount } else { uncertain.append(part) }
    }
    uncertain.sort { ($0.amount, $0.probability) > ($1.amount, $1.probability) }
    for part in uncertain.dropFirst(Self.uncertainMax) {
      certain += Int64((Double(part.amount) * part.probability).rounded())
    }
    var sums: [Int64: Double] = [certain: 1]
    for part in uncertain.prefix(Self.uncertainMax) {
      var next: [Int64: Double] = [:]
      for (sum, probability) in sums.sorted(by: { $0.key < $1.key }) {
        next[sum, default: 0] += probability * (1 - part.probability)
        next[sum + part.amount, default: 0] += probability * part.probability
      }
      sums = next
    }
    outcomes = sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  func quantile(_ share: Double) -> Int64 { LagDistribution.quantile(share, of: outcomes) ?? 0 }
}
