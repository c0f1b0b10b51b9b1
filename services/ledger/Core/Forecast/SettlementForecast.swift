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
    /// On which it came to the gateway, and how it was paid.
    package let day: CivilDate
    package let method: PaidMethod
    /// By which nine tenths of such money were paid.
    package let dueOn: CivilDate
    package let openMinor: Int64

    package init(
      day: CivilDate,
      _ method: PaidMethod = .unknown,
      dueOn: CivilDate,
      openMinor: Int64
    ) {
      (self.day, self.method, self.dueOn, self.openMinor) = (day, method, dueOn, openMinor)
    }
  }

  /// What is expected of the money of all methods, or of one.
  package struct Part: Sendable, Hashable {
    package let openMinor: Int64
    /// Fees that are expected within what is open: they are booked with the payout.
    package let feesMinor: Int64
    package let lags: LagDistribution
    /// Ascending. Days before today are awaited: their payouts may have come and not be booked yet.
    package let days: [Day]
    package let overdue: [Overdue]

    package var overdueMinor: Int64 { overdue.reduce(0) { $0 &+ $1.openMinor } }
  }

  package let whole: Part
  /// By method, in their order: amounts, fees and fiftieth percentiles come to those of the whole. The
  /// other two do not add up: that several days' money comes late is less likely than that
  /// each day's does.
  package let methods: [(method: PaidMethod, part: Part)]

  package static func == (left: SettlementForecast, right: SettlementForecast) -> Bool {
    left.whole == right.whole && left.methods.elementsEqual(right.methods) { $0 == $1 }
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(whole) }

  package var openMinor: Int64 { whole.openMinor }
  package var feesMinor: Int64 { whole.feesMinor }
  package var lags: LagDistribution { whole.lags }
  package var days: [Day] { whole.days }
  package var overdue: [Overdue] { whole.overdue }
  package var overdueMinor: Int64 { whole.overdueMinor }

  /// A method of which too little was seen pays as all of the account does.
  ///
  /// - Parameters:
  ///   - history: of one currency at one account.
  ///   - today: nothing is expected before it, but for what is awaited.
  ///   - observationsMin: fewer days of payment than these say nothing.
  package init(
    _ history: ClearingHistory,
    terms: SettlementTerms,
    today: CivilDate,
    graceDays: Int = Self.graceDays,
    observationsMin: Int = LagDistribution.observationsMin
  ) {
    func lags(of paid: [ClearingHistory.Paid]) -> LagDistribution {
      LagDistribution(paid, terms: terms, today: today, observationsMin: observationsMin)
    }
    let allLags = lags(of: history.paid)
    let allShares = FeeShares(history.days, today: today, observationsMin: observationsMin)
    var all = ForecastSum(lags: allLags)
    var methods: [(method: PaidMethod, part: Part)] = []
    for method in history.methods {
      let own = lags(of: history.paid.filter { $0.method == method })
      let days = history.days.filter { $0.method == method }
      let shares = FeeShares(days, today: today, observationsMin: observationsMin) ?? allShares
      var sum = ForecastSum(lags: own.source == .observed ? own : allLags)
      sum.add(days, shares, terms.calendar, today: today, graceDays: graceDays)
      methods.append((method, sum.part))
      all.add(sum)
    }
    whole = all.part
    self.methods = methods.filter { $0.part.openMinor > 0 }
  }
}

/// What share of money goes away as fees, as it was with what is paid out.
struct FeeShares {
  private let low: Double
  private let median: Double
  private let high: Double

  /// Nil if too few days were paid whole: then nothing is known.
  init?(_ days: [ClearingHistory.Day], today: CivilDate, observationsMin: Int) {
    let shares = days.filter {
      $0.openMinor == 0 && $0.inMinor > 0
        && today.daysSince1970 - $0.day.daysSince1970 <= LagDistribution.windowDays
    }.map { (min(1, Double($0.feeMinor) / Double($0.inMinor)), Double($0.inMinor)) }
      .sorted { $0.0 < $1.0 }
    guard shares.count >= max(1, observationsMin) else { return nil }
    low = LagDistribution.quantile(0.1, of: shares) ?? 0
    median = LagDistribution.quantile(0.5, of: shares) ?? 0
    high = LagDistribution.quantile(0.9, of: shares) ?? 0
  }

  /// What will be paid of a day's open money. Where its fees are booked, all of it.
  static func net(
    of day: ClearingHistory.Day,
    _ shares: FeeShares?
  ) -> (low: Int64, median: Int64, high: Int64) {
    guard day.feeMinor == 0, let shares else {
      return (day.openMinor, day.openMinor, day.openMinor)
    }
    func less(_ share: Double) -> Int64 {
      day.openMinor - min(day.openMinor, Int64((Double(day.openMinor) * share).rounded()))
    }
    return (less(shares.high), less(shares.median), less(shares.low))
  }
}
