import LedgerCore
import Money
import Testing

/// The days on which money arrives, as the calendars of the European Central Bank and of the
/// Federal Reserve print them.
struct BusinessCalendarTests {
  static func day(_ text: String) -> CivilDate {
    let parts = text.split(separator: "-").compactMap { Int($0) }
    guard parts.count == 3, let day = CivilDate(year: parts[0], month: parts[1], day: parts[2])
    else { preconditionFailure("\(text) is no day") }
    return day
  }

  /// Holidays that are no Saturday or Sunday.
  static let holidays: [(calendar: BusinessCalendar, year: Int, days: [String])] = [
    (.target2, 2026, ["01-01", "04-03", "04-06", "05-01", "12-25"]),
    (.target2, 2027, ["01-01", "03-26", "03-29"]),
    (.target2, 2028, ["04-14", "04-17", "05-01", "12-25", "12-26"]),
    // 4 July 2026 and 19 June 2027 are Saturdays, which are not made up for; 4 July 2027 is a
    // Sunday.
    (
      .federal, 2026,
      [
        "01-01", "01-19", "02-16", "05-25", "06-19", "09-07", "10-12", "11-11", "11-26", "12-25",
      ]
    ),
    (
      .federal, 2027,
      ["01-01", "01-18", "02-15", "05-31", "07-05", "09-06", "10-11", "11-11", "11-25"]
    ),
    (.weekends, 2026, []),
  ]

  @Test(arguments: holidays)
  func holidaysOfAYear(_ calendar: BusinessCalendar, _ year: Int, _ expected: [String]) {
    let first = Self.day("\(year)-01-01").daysSince1970
    let closed = (0..<(CivilDate.isLeap(year) ? 366 : 365))
      .map { CivilDate(daysSince1970: first + $0) }
      .filter { !calendar.isBusinessDay($0) && BusinessCalendar.weekends.isBusinessDay($0) }
    #expect(closed.map { String($0.description.dropFirst(5)) } == expected)
  }

  /// Calendar, business days, from, to.
  static let payouts: [(BusinessCalendar, Int, String, String)] = [
    // An ordinary week; over a weekend; over the end of a month.
    (.target2, 2, "2026-11-02", "2026-11-04"),
    (.target2, 2, "2026-11-05", "2026-11-09"),
    (.target2, 3, "2026-07-31", "2026-08-05"),
    // Easter: from Thursday over four days.
    (.target2, 2, "2026-04-02", "2026-04-08"),
    (.federal, 2, "2026-04-02", "2026-04-06"),
    // Christmas and New Year.
    (.target2, 3, "2026-12-24", "2026-12-30"),
    (.target2, 1, "2026-12-31", "2027-01-04"),
    (.federal, 1, "2027-12-24", "2027-12-27"),
    // Thanksgiving; Independence Day on a Saturday and on a Sunday.
    (.federal, 2, "2026-11-25", "2026-11-30"),
    (.federal, 2, "2026-07-01", "2026-07-03"),
    (.federal, 2, "2027-07-02", "2027-07-07"),
    // What moves on a weekend counts from the next business day at the earliest.
    (.target2, 0, "2026-11-28", "2026-11-30"),
    (.target2, 1, "2026-11-28", "2026-11-30"),
    (.target2, 2, "2026-11-29", "2026-12-01"),
    (.target2, 0, "2026-11-30", "2026-11-30"),
  ]

  @Test(arguments: payouts)
  func aPayoutIsSoManyBusinessDaysLater(
    _ calendar: BusinessCalendar,
    _ lag: Int,
    _ from: String,
    _ to: String
  ) {
    #expect(calendar.day(lag, after: Self.day(from)) == Self.day(to))
  }

  /// Counting is the reverse of going, from every day of three years.
  @Test(arguments: BusinessCalendar.allCases)
  func countingIsTheReverse(_ calendar: BusinessCalendar) {
    let first = Self.day("2026-01-01").daysSince1970
    for number in first..<first + 1_096 {
      let day = CivilDate(daysSince1970: number)
      for lag in 1...7 {
        let payout = calendar.day(lag, after: day)
        #expect(calendar.isBusinessDay(payout), "\(day) + \(lag)")
        #expect(calendar.businessDays(from: day, through: payout) == lag, "\(day) + \(lag)")
      }
    }
    #expect(
      calendar.businessDays(from: Self.day("2026-11-05"), through: Self.day("2026-11-04")) == 0
    )
  }
}

/// What is agreed with gateways.
struct SettlementContractTests {
  @Test func theNearestContractCounts() throws {
    let contracts = try SettlementContracts(
      parsing: "stripe acct_1 USD federal 4 21:30; adyen * EUR target2 1 24:00;"
    )
    func terms(_ gateway: String, _ account: String, _ currency: Currency) -> SettlementTerms {
      contracts.terms(of: GatewayAccount(gateway: gateway, account: account), currency)
    }
    #expect(
      terms("stripe", "acct_1", .usd)
        == SettlementTerms(calendar: .federal, lagDays: 4, cutOffMinute: 1_290)
    )
    #expect(terms("adyen", "Main", .eur) == SettlementTerms(calendar: .target2, lagDays: 1))
    // Nothing is named for these.
    #expect(terms("stripe", "acct_2", .usd) == SettlementTerms(calendar: .federal, lagDays: 2))
    #expect(terms("stripe", "acct_1", .eur) == SettlementTerms(calendar: .target2, lagDays: 3))
    #expect(terms("adyen", "Main", .usd) == SettlementTerms(calendar: .federal, lagDays: 3))
    #expect(
      terms("adyen", "Main", try #require(Currency("JPY")))
        == SettlementTerms(calendar: .weekends, lagDays: 3)
    )
  }

  @Test(arguments: [
    "stripe acct_1 USD federal 2", "stripe acct_1 XXQ federal 2 24:00",
    "stripe acct_1 USD lunar 2 24:00", "stripe acct_1 USD federal -1 24:00",
    "stripe acct_1 USD federal 61 24:00", "stripe acct_1 USD federal 2 24:01",
    "stripe acct_1 USD federal 2 00:00", "stripe acct_1 USD federal 2 9:00",
    "stripe acct_1 USD federal 2 12:00; stripe acct_1 USD federal 3 12:00",
  ])
  func wrongContracts(_ text: String) {
    #expect(throws: SettlementContracts.Mistake.self) {
      try SettlementContracts(parsing: text)
    }
  }
}
