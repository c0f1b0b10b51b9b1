package import Money

/// The days on which banks settle euro payments: TARGET's, which are Monday to Friday but for six
/// holidays (ECB, TARGET calendar of closing days). Days are those of UTC: an hour or two beside
/// Frankfurt's, where weeks are waited for.
package enum BankDays {
  package static func isOpen(_ date: CivilDate) -> Bool {
    // 1970-01-01 was a Thursday.
    let weekday = (date.daysSince1970 % 7 + 7 + 3) % 7
    guard weekday < 5 else { return false }
    switch (date.month, date.day) {
    case (1, 1), (5, 1), (12, 25), (12, 26): return false
    default: break
    }
    let easter = easterSunday(date.year).daysSince1970
    return date.daysSince1970 != easter - 2 && date.daysSince1970 != easter + 1
  }

  /// The same time of day, so many bank days later.
  package static func after(_ start: Timestamp, days: Int) -> Timestamp {
    var left = days
    var passed = 0
    while left > 0 {
      passed += 1
      if isOpen((start + .seconds(passed * 86_400)).date) { left -= 1 }
    }
    return start + .seconds(passed * 86_400)
  }

  /// The Gregorian computus (New Scientist, 30 March 1961).
  static func easterSunday(_ year: Int) -> CivilDate {
    let a = year % 19
    let (b, c) = (year / 100, year % 100)
    let (d, e) = (b / 4, b % 4)
    let g = (8 * b + 13) / 25
    let h = (19 * a + b - d - g + 15) % 30
    let (i, k) = (c / 4, c % 4)
    let l = (32 + 2 * e + 2 * i - h - k) % 7
    let m = (a + 11 * h + 19 * l) / 433
    let month = (h + l - 7 * m + 90) / 25
    let day = (h + l - 7 * m + 33 * month + 19) % 32
    guard let date = CivilDate(year: year, month: month, day: day) else {
      preconditionFailure("Easter is no date")
    }
    return date
  }
}
