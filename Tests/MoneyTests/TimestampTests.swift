import Foundation
import Testing

@testable import Money

struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0)),
    ("1969-12-31T23:59:59.999999Z", -1),
    ("2026-11-22T15:00:09Z", 1_795_359_609_000_000),
    ("2026-11-22T15:00:09.123Z", 1_795_359_609_123_000),
    ("2000-02-29T12:00:00.000001Z", 951_825_600_000_001),
  ])
  func knownTexts(text: String, microseconds: Int64) {
    #expect(Timestamp(text)?.microseconds == microseconds)
    #expect(Timestamp(microseconds: microseconds).description == text)
  }

  @Test func offsetsAndFractions() {
    let base = Timestamp("2026-11-22T15:00:09Z")
    #expect(Timestamp("2026-11-22T16:00:09+01:00") == base)
    #expect(Timestamp("2026-11-22T07:30:09-07:30") == base)
    #expect(Timestamp("2026-11-22t15:00:09.0000000z") == base)
    #expect(
      Timestamp("2026-11-22T15:00:09.1234567Z")?.microseconds
        == Timestamp("2026-11-22T15:00:09.123456Z")?.microseconds
    )
  }

  @Test(arguments: [
    "", "2026-11-22", "2026-11-22T15:00:09", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
    "2026-11-22T24:00:00Z", "2026-11-22T23:60:00Z", "2026-11-22T23:59:60Z",
    "2026-11-22T15:00:09.Z", "2026-11-22T15:00:09.1234567890Z", "2026-11-22T15:00:09Zx",
    "0000-01-01T00:00:00Z", "26-11-22T15:00:09Z", "2026-11-22T15:00:09+24:00",
  ])
  func refused(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test func arithmeticSaturates() {
    let start = Timestamp(seconds: 100, nanoseconds: 1_999)
    #expect(start.microseconds == 100_000_001)
    #expect(start + .milliseconds(5) - start == .milliseconds(5))
    #expect(start - .seconds(101) == Timestamp(microseconds: -999_999))
    #expect(Timestamp(microseconds: -999_999).seconds == -1)
    #expect(Timestamp(microseconds: -999_999).nanosecondsOfSecond == 1_000)
    #expect(Timestamp(microseconds: .max) + .seconds(1) == Timestamp(microseconds: .max))
    #expect(Timestamp(microseconds: .min) - .seconds(1) == Timestamp(microseconds: .min))
    #expect(Timestamp(microseconds: -1).milliseconds == -1)
  }

  @Test func calendarAgreesWithFoundation() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    for days in stride(from: -140_000, through: 200_000, by: 97) {
      let date = CivilDate(daysSince1970: days)
      let parts = calendar.dateComponents(
        [.year, .month, .day],
        from: Date(timeIntervalSince1970: Double(days) * 86_400)
      )
      #expect(date.year == parts.year && date.month == parts.month && date.day == parts.day)
      #expect(date.daysSince1970 == days)
      #expect(CivilDate(year: date.year, month: date.month, day: date.day) == date)
    }
  }
}
