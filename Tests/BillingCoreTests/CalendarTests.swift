import BillingCore
import Money
import TestSupport
import Testing

/// Published cases (ids as in the collection that they come from), all in UTC.
struct CalendarTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var id: String
    var anchor: String
    var unit: IntervalUnit
    var count = 1
    /// The first of the expected dates is the start of this period.
    var from = 1
    var dates: [String]

    var testDescription: String { id }
  }

  static let anchors: [Case] = [
    Case(
      id: "STR-11", anchor: "2025-01-31", unit: .month,
      dates: ["2025-02-28", "2025-03-31", "2025-04-30"]),
    Case(
      id: "STR-13", anchor: "2022-06-03", unit: .week,
      dates: ["2022-06-10", "2022-06-17", "2022-06-24", "2022-07-01"]),
    Case(
      id: "LAGO-01", anchor: "2022-12-31", unit: .month,
      dates: [
        "2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31", "2023-06-30",
        "2023-07-31", "2023-08-31", "2023-09-30", "2023-10-31", "2023-11-30", "2023-12-31",
        "2024-01-31", "2024-02-29", "2024-03-31",
      ]),
    Case(
      id: "LAGO-03", anchor: "2022-02-28", unit: .month, from: 11,
      dates: [
        "2023-01-28", "2023-02-28", "2023-03-28", "2023-04-28", "2023-05-28", "2023-06-28",
        "2023-07-28", "2023-08-28", "2023-09-28", "2023-10-28", "2023-11-28", "2023-12-28",
      ]),
    Case(
      id: "LAGO-05", anchor: "2022-04-30", unit: .month, count: 3, from: 3,
      dates: ["2023-01-30", "2023-04-30", "2023-07-30", "2023-10-30"]),
    Case(
      id: "LAGO-07, LAGO-08", anchor: "2020-02-29", unit: .year,
      dates: ["2021-02-28", "2022-02-28", "2023-02-28", "2024-02-29", "2025-02-28"]),
    Case(id: "LAGO-23", anchor: "2023-03-31", unit: .month, dates: ["2023-04-30", "2023-05-31"]),
    Case(
      id: "LAGO-10", anchor: "2024-01-30", unit: .month, from: 0,
      dates: ["2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30", "2024-05-30"]),
    Case(
      id: "KB-B13", anchor: "2017-01-31", unit: .month,
      dates: ["2017-02-28", "2017-03-31", "2017-04-30"]),
    Case(
      id: "KB-B19", anchor: "2022-02-02", unit: .week, count: 2,
      dates: ["2022-02-16", "2022-03-02"]),
    Case(
      id: "century without a leap day", anchor: "2096-02-29", unit: .year, count: 4,
      dates: ["2100-02-28", "2104-02-29"]),
    Case(id: "days", anchor: "2024-02-27", unit: .day, dates: ["2024-02-28", "2024-02-29", "2024-03-01"]),
  ]

  @Test(arguments: anchors)
  func startsOfPeriods(_ expected: Case) throws {
    let schedule = try schedule(expected.anchor, expected.unit, expected.count)
    for (offset, date) in expected.dates.enumerated() {
      let start = try #require(schedule.start(of: expected.from + offset))
      #expect(start.description == date + "T09:30:15Z")
    }
  }

  /// now, start, end of the period that holds it; anchor 2024-10-31, monthly (KOBO-01 to -15).
  @Test(arguments: [
    ("2024-11-15", "2024-10-31", "2024-11-30"), ("2025-01-15", "2024-12-31", "2025-01-31"),
    ("2025-03-15", "2025-02-28", "2025-03-31"), ("2025-05-15", "2025-04-30", "2025-05-31"),
    ("2025-07-15", "2025-06-30", "2025-07-31"), ("2025-09-15", "2025-08-31", "2025-09-30"),
    ("2025-11-15", "2025-10-31", "2025-11-30"), ("2028-03-15", "2028-02-29", "2028-03-31"),
  ])
  func currentPeriod(_ now: String, _ start: String, _ end: String) throws {
    let schedule = try schedule("2024-10-31", .month)
    let moment = try #require(Timestamp(now + "T00:00:00Z"))
    let period = try #require(schedule.period(at: moment))
    #expect(period.start.date.description == start)
    #expect(period.end.date.description == end)
  }

  /// Consecutive periods leave no gap and do not overlap; every moment lies in exactly one.
  @Test func periodsTile() throws {
    var random = Seed.random("periods tile")
    for _ in 0..<400 {
      let anchor = Timestamp(
        microseconds: Int64.random(in: 946_684_800_000_000...1_900_000_000_000_000, using: &random))
      let unit = try #require(IntervalUnit.allCases.randomElement(using: &random))
      let count = Int.random(in: 1...BillingInterval.countMax, using: &random)
      let interval = try #require(BillingInterval(unit, count: count))
      let schedule = BillingSchedule(anchor: anchor, interval: interval)
      let end = anchor + .seconds(30 * 366 * 86_400)
      var before = try #require(schedule.period(0))
      #expect(before.start == anchor)
      while before.end < end {
        let period = try #require(schedule.period(before.index + 1))
        try #require(period.start == before.end)
        try #require(period.start < period.end)
        before = period
      }
      let moment = anchor + .microseconds(Int64.random(in: 0...946_000_000_000_000, using: &random))
      let holder = try #require(schedule.period(at: moment))
      #expect(holder.start <= moment && moment < holder.end)
      #expect(schedule.period(holder.index) == holder)
    }
  }

  @Test func everyAnchorDayComesBack() throws {
    for day in 1...31 {
      let schedule = try schedule("2024-01-\(day < 10 ? "0" : "")\(day)", .month)
      for index in 0..<360 {
        let start = try #require(schedule.start(of: index)).date
        let last = CivilDate.days(inMonth: start.month, ofYear: start.year)
        #expect(start.day == min(day, last))
      }
    }
  }

  @Test func limits() throws {
    let schedule = try schedule("9999-11-30", .month)
    #expect(schedule.period(0) != nil)
    #expect(schedule.period(1) == nil)
    #expect(schedule.start(of: -1) == nil)
    #expect(schedule.start(of: .max) == nil)
    #expect(schedule.period(at: try #require(Timestamp("2020-01-01T00:00:00Z"))) == nil)
    #expect(BillingInterval(.month, count: 0) == nil)
    #expect(BillingInterval(.month, count: 37) == nil)
  }

  private func schedule(
    _ anchor: String, _ unit: IntervalUnit, _ count: Int = 1
  ) throws -> BillingSchedule {
    BillingSchedule(
      anchor: try #require(Timestamp(anchor + "T09:30:15Z")),
      interval: try #require(BillingInterval(unit, count: count)))
  }
}
