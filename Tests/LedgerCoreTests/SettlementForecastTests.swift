import LedgerCore
import Money
import TestSupport
import Testing

/// What is open, in how many days it is paid, and what that lets one expect.
struct SettlementForecastTests {
  private static func day(_ text: String) -> CivilDate { BusinessCalendarTests.day(text) }

  private static let euro = SettlementTerms(calendar: .target2, lagDays: 3)

  // MARK: What is open

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var flows: [ClearingFlow]
    var open: [String]
    var paid: [String]
    var deficit: Int64 = 0
  }

  /// Monday to Friday.
  private static let week = (2...6).map { day("2026-11-0\($0)") }

  static let cases: [Case] = [
    Case(
      testDescription: "the oldest is paid first",
      flows: [
        ClearingFlow(week[0], in: 100), ClearingFlow(week[1], in: 200),
        ClearingFlow(week[2], in: 50, paid: 100), ClearingFlow(week[3], paid: 150),
      ],
      open: ["2026-11-03 50", "2026-11-04 50"],
      paid: ["2026-11-02 2026-11-04 100", "2026-11-03 2026-11-05 150"]
    ),
    Case(
      testDescription: "a day's fees are of that day, whatever is older",
      flows: [
        ClearingFlow(week[0], in: 100), ClearingFlow(week[1], in: 100, fee: 3),
        ClearingFlow(week[2], paid: 100),
      ],
      open: ["2026-11-03 97"],
      paid: ["2026-11-02 2026-11-04 100"]
    ),
    Case(
      testDescription: "a refund is of the oldest money",
      flows: [
        ClearingFlow(week[0], in: 100), ClearingFlow(week[1], in: 100, out: 120),
        ClearingFlow(week[2], paid: 80),
      ],
      open: [],
      paid: ["2026-11-03 2026-11-04 80"]
    ),
    Case(
      testDescription: "one payout of two days",
      flows: [
        ClearingFlow(week[0], in: 30), ClearingFlow(week[1], in: 20),
        ClearingFlow(week[3], paid: 40),
      ],
      open: ["2026-11-03 10"],
      paid: ["2026-11-02 2026-11-05 30", "2026-11-03 2026-11-05 10"]
    ),
    Case(
      testDescription: "what is missing is made up for by what comes next",
      flows: [
        ClearingFlow(week[0], in: 10, out: 50), ClearingFlow(week[1], in: 30),
        ClearingFlow(week[2], in: 25),
      ],
      open: ["2026-11-04 15"],
      paid: []
    ),
    Case(
      testDescription: "below zero",
      flows: [ClearingFlow(week[0], out: 50, fee: 5), ClearingFlow(week[1], in: 20)],
      open: [],
      paid: [],
      deficit: 35
    ),
  ]

  @Test(arguments: cases)
  func whatIsOpen(_ row: Case) {
    for flows in [row.flows, row.flows.reversed()] {
      let history = ClearingHistory(flows)
      #expect(
        history.days.filter { $0.openMinor > 0 }.map { "\($0.day) \($0.openMinor)" } == row.open
      )
      #expect(history.paid.map { "\($0.from) \($0.on) \($0.amountMinor)" } == row.paid)
      #expect(history.deficitMinor == row.deficit)
    }
  }

  // MARK: Lags

  /// A payment of 100.00 on each business day, paid so many days later.
  private static func history(lags: [Int], fee: Int64 = 0) -> [ClearingFlow] {
    var flows: [CivilDate: ClearingFlow] = [:]
    var day = day("2026-09-01")
    for lag in lags {
      flows[day, default: ClearingFlow(day)].inMinor += 10_000
      flows[day, default: ClearingFlow(day)].feeMinor += fee
      let payout = BusinessCalendar.target2.day(lag, after: day)
      flows[payout, default: ClearingFlow(payout)].paidMinor += 10_000 - fee
      day = BusinessCalendar.target2.day(1, after: day)
    }
    return Array(flows.values)
  }

  @Test func theContractCountsUntilEnoughIsSeen() {
    func lags(_ count: Int) -> LagDistribution {
      LagDistribution(
        ClearingHistory(Self.history(lags: Array(repeating: 2, count: count))).paid,
        terms: Self.euro,
        today: Self.day("2026-11-02")
      )
    }
    let few = lags(9)
    #expect(few.source == .contract && few.observations == 9 && few.quantile(0.9) == 3)
    let enough = lags(10)
    #expect(enough.source == .observed && enough.observations == 10)
    #expect([0.1, 0.5, 0.9].map(enough.quantile) == [2, 2, 2])
    // After half a year without a payout the contract counts again.
    let old = LagDistribution(
      ClearingHistory(Self.history(lags: Array(repeating: 2, count: 10))).paid,
      terms: Self.euro,
      today: Self.day("2027-06-01")
    )
    #expect(old.source == .contract && old.observations == 0)
  }

  @Test func quantilesAreOfTheMoney() {
    // One in five a day later.
    let lags = (0..<40).map { $0 % 5 == 4 ? 3 : 2 }
    let found = LagDistribution(
      ClearingHistory(Self.history(lags: lags)).paid,
      terms: Self.euro,
      today: Self.day("2026-11-02")
    )
    #expect(found.source == .observed)
    #expect([0.1, 0.5, 0.79, 0.9].map(found.quantile) == [2, 2, 2, 3])
  }

  // MARK: Forecasts

  private static func forecast(
    _ flows: [ClearingFlow],
    _ today: String,
    terms: SettlementTerms = euro
  ) -> SettlementForecast {
    SettlementForecast(ClearingHistory(flows), terms: terms, today: day(today))
  }

  private static func text(_ forecast: SettlementForecast) -> [String] {
    forecast.days.map { "\($0.day) \($0.p10Minor) \($0.p50Minor) \($0.p90Minor)" }
  }

  /// Payments of Thursday before Easter, of Good Friday and of Easter Monday: by TARGET two
  /// business days later; by the Fed's calendar as if nothing were.
  @Test func moneyComesByTheCalendar() {
    let flows = [
      ClearingFlow(Self.day("2026-04-02"), in: 100), ClearingFlow(Self.day("2026-04-03"), in: 200),
      ClearingFlow(Self.day("2026-04-06"), in: 400),
    ]
    let target = SettlementTerms(calendar: .target2, lagDays: 2)
    #expect(
      Self.text(Self.forecast(flows, "2026-04-07", terms: target)) == ["2026-04-08 700 700 700"]
    )
    let federal = SettlementTerms(calendar: .federal, lagDays: 2)
    #expect(
      Self.text(Self.forecast(flows, "2026-04-06", terms: federal)) == [
        "2026-04-06 100 100 100", "2026-04-07 200 200 200", "2026-04-08 400 400 400",
      ]
    )
  }

  @Test func feesAreWhatTheyWere() {
    let flows =
      Self.history(lags: Array(repeating: 2, count: 20), fee: 250)
      + [ClearingFlow(Self.day("2026-11-02"), in: 20_000)]
    let forecast = Self.forecast(flows, "2026-11-03")
    #expect(forecast.openMinor == 20_000 && forecast.feesMinor == 500)
    #expect(Self.text(forecast) == ["2026-11-04 19500 19500 19500"])
    // Where a day's fees are booked, what is open is what comes.
    let booked =
      Self.history(lags: Array(repeating: 2, count: 20), fee: 250)
      + [ClearingFlow(Self.day("2026-11-02"), in: 20_000, fee: 400)]
    #expect(Self.text(Self.forecast(booked, "2026-11-03")) == ["2026-11-04 19600 19600 19600"])
  }

  /// Three of four after two days, one after three: the money is certain on neither.
  @Test func theBandSaysWhatMayComeOnTheDay() {
    let lags = (0..<40).map { $0 % 4 == 3 ? 3 : 2 }
    let flows = Self.history(lags: lags) + [ClearingFlow(Self.day("2026-11-02"), in: 1_000)]
    let forecast = Self.forecast(flows, "2026-11-03")
    #expect(forecast.lags.source == .observed)
    #expect(Self.text(forecast) == ["2026-11-04 0 1000 1000", "2026-11-05 0 0 1000"])
  }

  /// What came on a Saturday is paid on Monday whether it took none or one business day: once.
  @Test func lagsThatEndOnOneDayAreOne() {
    let flows =
      Self.history(lags: (0..<40).map { $0 % 2 })
      + [ClearingFlow(Self.day("2026-11-07"), in: 1_000)]
    for day in Self.forecast(flows, "2026-11-09").days {
      #expect(day.p90Minor <= 1_000, "\(day)")
    }
  }

  /// Contract of 3, grace of 2 business days: a payment of Monday is due on Thursday, may be booked
  /// until Monday, and is overdue from Tuesday on.
  @Test func whatIsOverdue() {
    let flows = [ClearingFlow(Self.day("2026-11-02"), in: 1_000)]
    for (today, days, overdue) in [
      ("2026-11-05", ["2026-11-05 1000 1000 1000"], [String]()),
      ("2026-11-06", ["2026-11-05 1000 1000 1000"], []),
      ("2026-11-09", ["2026-11-05 1000 1000 1000"], []),
      ("2026-11-10", ["2026-11-10 0 1000 1000"], ["2026-11-02 2026-11-05 1000"]),
      // A Saturday: the next business day.
      ("2026-11-14", ["2026-11-16 0 1000 1000"], ["2026-11-02 2026-11-05 1000"]),
    ] {
      let forecast = Self.forecast(flows, today)
      #expect(Self.text(forecast) == days, "\(today)")
      #expect(
        forecast.overdue.map { "\($0.day) \($0.dueOn) \($0.openMinor)" } == overdue,
        "\(today)"
      )
    }
  }

  /// Whatever has moved: percentiles are ordered, what is expected comes to what is open, nothing
  /// comes on a day on which banks are closed, and nothing before today but what is awaited.
  @Test func forecastsHoldTogether() {
    var random = Seed.random("settlement forecast")
    let first = Self.day("2026-10-01").daysSince1970
    for round in 0..<300 {
      let terms = SettlementTerms(
        calendar: BusinessCalendar.allCases[Int.random(in: 0..<3, using: &random)],
        lagDays: Int.random(in: 0...7, using: &random)
      )
      let count = Int.random(in: 1...90, using: &random)
      // Of one method, or of all.
      let methods = round % 2 == 0 ? [PaidMethod.unknown] : PaidMethod.allCases
      let flows = (0..<count * methods.count).map { number in
        ClearingFlow(
          CivilDate(daysSince1970: first + number / methods.count),
          methods[number % methods.count],
          in: Bool.random(using: &random) ? Int64.random(in: 0...1_000_000, using: &random) : 0,
          out: Int64.random(in: 0...9, using: &random) == 0
            ? Int64.random(in: 0...2_000_000, using: &random) : 0,
          fee: Int64.random(in: 0...30_000, using: &random),
          paid: Int64.random(in: 0...600_000, using: &random)
        )
      }
      let history = ClearingHistory(flows)
      let balance = flows.reduce(0) { $0 + $1.inMinor - $1.outMinor - $1.feeMinor - $1.paidMinor }
      #expect(history.openMinor - history.deficitMinor == balance, "round \(round)")
      let today = CivilDate(daysSince1970: first + count)
      let forecast = SettlementForecast(history, terms: terms, today: today)
      #expect(forecast.openMinor == history.openMinor, "round \(round)")
      let sum = forecast.days.reduce(0) { $0 + $1.p50Minor }
      #expect(sum + forecast.feesMinor == forecast.openMinor, "round \(round)")
      for day in forecast.days {
        #expect(
          0 <= day.p10Minor && day.p10Minor <= day.p50Minor && day.p50Minor <= day.p90Minor
            && day.p90Minor <= forecast.openMinor,
          "round \(round): \(day)"
        )
        #expect(terms.calendar.isBusinessDay(day.day), "round \(round): \(day)")
        #expect(
          today <= terms.calendar.day(SettlementForecast.graceDays, after: day.day),
          "round \(round): \(day)"
        )
      }
      #expect(forecast.days.map(\.day) == forecast.days.map(\.day).sorted(), "round \(round)")
      Self.expectMethodsComeToTheWhole(forecast, "round \(round)")
      for part in history.paid {
        #expect(part.amountMinor > 0 && part.from <= part.on, "round \(round)")
      }
      let quantiles = [0.1, 0.5, 0.9].map(forecast.lags.quantile)
      #expect(quantiles == quantiles.sorted(), "round \(round)")
      #expect(
        forecast
          == SettlementForecast(ClearingHistory(flows.reversed()), terms: terms, today: today)
      )
    }
  }

  private static func expectMethodsComeToTheWhole(
    _ forecast: SettlementForecast,
    _ comment: Comment
  ) {
    let parts = forecast.methods.map(\.part)
    #expect(parts.reduce(0) { $0 + $1.openMinor } == forecast.openMinor, comment)
    #expect(parts.reduce(0) { $0 + $1.feesMinor } == forecast.feesMinor, comment)
    #expect(parts.flatMap(\.overdue).count == forecast.overdue.count, comment)
    #expect(parts.reduce(0) { $0 + $1.overdueMinor } == forecast.overdueMinor, comment)
    var sums: [CivilDate: Int64] = [:]
    for day in parts.flatMap(\.days) {
      sums[day.day, default: 0] += day.p50Minor
      #expect(0 <= day.p10Minor && day.p10Minor <= day.p50Minor, comment)
      #expect(day.p50Minor <= day.p90Minor, comment)
    }
    for day in forecast.days { #expect(sums[day.day] == day.p50Minor, comment) }
    #expect(sums.values.reduce(0, +) == forecast.days.reduce(0) { $0 + $1.p50Minor }, comment)
  }

  // MARK: Scores

  private static func scored(
    _ forecast: [SettlementForecast.Day],
    _ flows: [ClearingFlow],
    today: String
  ) -> [String] {
    ForecastScore.scores(
      of: forecast,
      madeOn: day("2026-11-03"),
      against: ClearingHistory(flows),
      calendar: .target2,
      today: day(today)
    ).map { "\($0.day) +\($0.horizonDays) \($0.p50Minor) \($0.actualMinor)" }
  }

  /// Of the money that was there on Monday: what came on Wednesday and Thursday. Tuesday's payment,
  /// paid on Thursday too, is another forecast's.
  @Test func aForecastIsScoredByTheMoneyItWasAbout() {
    let forecast = [
      SettlementForecast.Day(Self.day("2026-11-04"), p10: 500, p50: 1_000, p90: 1_000)
    ]
    let flows = [
      ClearingFlow(Self.week[0], in: 1_000), ClearingFlow(Self.week[1], in: 700),
      ClearingFlow(Self.week[2], paid: 900), ClearingFlow(Self.week[3], paid: 600),
    ]
    // Known two business days after its end.
    #expect(Self.scored(forecast, flows, today: "2026-11-06") == [])
    #expect(Self.scored(forecast, flows, today: "2026-11-07") == ["2026-11-04 +1 1000 900"])
    #expect(
      Self.scored(forecast, flows, today: "2026-11-30") == [
        "2026-11-04 +1 1000 900", "2026-11-05 +2 0 100",
      ]
    )
  }

  @Test func errorsAreWhatTheyAreCalled() throws {
    func score(_ p10: Int64, _ p50: Int64, _ p90: Int64, came: Int64) -> ForecastScore {
      ForecastScore(
        madeOn: Self.day("2026-11-03"),
        horizonDays: 1,
        SettlementForecast.Day(Self.day("2026-11-04"), p10: p10, p50: p50, p90: p90),
        actualMinor: came
      )
    }
    #expect(ForecastErrors([]) == nil)
    let errors = try #require(
      ForecastErrors([
        score(90, 100, 110, came: 100), score(90, 110, 120, came: 100),
        score(0, 100, 150, came: 200), score(0, 50, 50, came: 0),
      ])
    )
    #expect(errors.count == 4)
    // 0, 10 and 50 percent; of what did not come there is no percentage.
    #expect(errors.mapePercent == 20)
    #expect(errors.coveragePercent == 75)
    // 360 forecast, 400 came.
    #expect(errors.biasPercent == -10)
    let nothing = try #require(ForecastErrors([score(0, 50, 60, came: 0)]))
    #expect(nothing.mapePercent == nil && nothing.biasPercent == nil)
    #expect(nothing.coveragePercent == 100)
  }
}
