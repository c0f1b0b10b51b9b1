package import Money

/// The days on which money arrives at banks. Holidays come from rules, so that no list runs out.
package enum BusinessCalendar: String, Sendable, Hashable, CaseIterable {
  /// The euro's settlement system; the closing days of TARGET, in force since 2002.
  case target2
  /// The holidays of the Federal Reserve Banks: one on a Saturday is not made up for, one on a
  /// Sunday is on the Monday.
  case federal
  /// Saturdays and Sundays only.
  case weekends

  /// What a contract in this currency mostly means.
  package static func usual(_ currency: Currency) -> BusinessCalendar {
    switch currency {
    case .eur: .target2
    case .usd: .federal
    default: .weekends
    }
  }

  package func isBusinessDay(_ day: CivilDate) -> Bool {
    let weekday = Self.weekday(day)
    guard weekday != 0, weekday != 6 else { return false }
    switch self {
    case .target2: return !Self.isTargetHoliday(day)
    case .federal: return !Self.isFederalHoliday(day, weekday)
    case .weekends: return true
    }
  }

  /// The day that is so many business days after a day. Of none: the day itself, or the next
  /// business day.
  package func day(_ businessDays: Int, after day: CivilDate) -> CivilDate {
    var number = day.daysSince1970
    var left = businessDays
    while left > 0 || !isBusinessDay(CivilDate(daysSince1970: number)) {
      number += 1
      if left > 0, isBusinessDay(CivilDate(daysSince1970: number)) { left -= 1 }
    }
    return CivilDate(daysSince1970: number)
  }

  /// Business days after the first day, up to and with the second; none if that is not later.
  package func businessDays(from first: CivilDate, through second: CivilDate) -> Int {
    let (from, through) = (first.daysSince1970, second.daysSince1970)
    guard from < through else { return 0 }
    return (from + 1...through).count { isBusinessDay(CivilDate(daysSince1970: $0)) }
  }

  // MARK: Holidays

  /// 0 is Sunday; 1970-01-01 was a Thursday.
  private static func weekday(_ day: CivilDate) -> Int {
    let shifted = (day.daysSince1970 + 4) % 7
    return shifted < 0 ? shifted + 7 : shifted
  }

  private static func isTargetHoliday(_ day: CivilDate) -> Bool {
    switch (day.month, day.day) {
    case (1, 1), (5, 1), (12, 25), (12, 26): return true
    default:
      let fromEaster = day.daysSince1970 - easterSunday(day.year)
      return fromEaster == -2 || fromEaster == 1
    }
  }

  private static func isFederalHoliday(_ day: CivilDate, _ weekday: Int) -> Bool {
    // Which of its weekday in the month it is, and whether no other one follows.
    let occurrence = (day.day - 1) / 7 + 1
    let isLast = day.day + 7 > CivilDate.days(inMonth: day.month, ofYear: day.year)
    switch (day.month, weekday, occurrence) {
    case (1, 1, 3), (2, 1, 3), (9, 1, 1), (10, 1, 2), (11, 4, 4): return true
    default: break
    }
    if day.month == 5, weekday == 1, isLast { return true }
    if isFederalDate(day) { return true }
    return weekday == 1 && isFederalDate(CivilDate(daysSince1970: day.daysSince1970 - 1))
  }

  /// Holidays of a date, of which a Sunday's moves.
  private static func isFederalDate(_ day: CivilDate) -> Bool {
    switch (day.month, day.day) {
    case (1, 1), (7, 4), (11, 11), (12, 25): true
    // A holiday by the law of 2021-06-17.
    case (6, 19): day.year >= 2022
    default: false
    }
  }

  /// The Gregorian computus (Meeus, Jones and Butcher), as a day since 1970.
  private static func easterSunday(_ year: Int) -> Int {
    let golden = year % 19
    let (century, ofCentury) = (year / 100, year % 100)
    let correction = (century - (century + 8) / 25 + 1) / 3
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30
    let toSunday = (32 + 2 * (century % 4) + 2 * (ofCentury / 4) - epact - ofCentury % 4) % 7
    let late = (golden + 11 * epact + 22 * toSunday) / 451
    let fromMarch = epact + toSunday - 7 * late + 114
    let march = CivilDate(year: year, month: 3, day: 1)?.daysSince1970 ?? 0
    // Months of March and April: 31 days in March.
    return march + (fromMarch / 31 - 3) * 31 + fromMarch % 31
  }
}
