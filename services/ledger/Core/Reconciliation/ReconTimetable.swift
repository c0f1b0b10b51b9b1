package import Money

/// When a book is compared by itself: once a day at a set time, and after each import. All times are
/// the database's.
package struct ReconTimetable: Sendable, Hashable {
  /// Of the day, in UTC.
  package let dailyMinute: Int
  /// Files come together: a run waits until no further one has come for so long.
  package static let quietSeconds: Int64 = 30
  /// After a failure the next try waits a minute, then twice as long each time, at most an hour.
  package static let pauseSeconds: Int64 = 60
  package static let pauseSecondsMax: Int64 = 3_600
  /// So many failures in a row are an alert.
  package static let failuresForAlert = 3

  package init(dailyMinute: Int) { self.dailyMinute = dailyMinute }

  /// `06:00`
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), (0...23).contains(hour),
      (0...59).contains(minute)
    else { return nil }
    self.init(dailyMinute: hour * 60 + minute)
  }

  /// A book's state.
  package struct Entry: Sendable, Hashable {
    /// The last import.
    package var requestedAt: Timestamp?
    /// When the last run that ended had begun.
    package var startedAt: Timestamp?
    /// The last try that failed since, and how many did.
    package var triedAt: Timestamp?
    package var failures: Int

    package init(
      requestedAt: Timestamp? = nil,
      startedAt: Timestamp? = nil,
      triedAt: Timestamp? = nil,
      failures: Int = 0
    ) {
      self.requestedAt = requestedAt
      self.startedAt = startedAt
      self.triedAt = triedAt
      self.failures = failures
    }
  }

  /// When the next run is due: in the past if it is.
  package func dueAt(_ entry: Entry, now: Timestamp) -> Timestamp {
    let wanted = wantedAt(entry, now: now)
    guard let tried = entry.triedAt, entry.failures > 0 else { return wanted }
    let doublings = min(Int64(entry.failures) - 1, 6)
    let pause = min(Self.pauseSeconds << doublings, Self.pauseSecondsMax)
    return max(wanted, tried + .seconds(pause))
  }

  package func isDue(_ entry: Entry, now: Timestamp) -> Bool { dueAt(entry, now: now) <= now }

  private func wantedAt(_ entry: Entry, now: Timestamp) -> Timestamp {
    let daily = entry.startedAt.map { nextDaily(after: $0) } ?? now
    // One of the very instant may be in the run or not.
    guard let requested = entry.requestedAt, entry.startedAt.map({ requested >= $0 }) ?? true else {
      return daily
    }
    let quiet = requested + .seconds(Self.quietSeconds)
    return entry.startedAt == nil ? quiet : min(quiet, daily)
  }

  /// The first daily time after an instant.
  private func nextDaily(after time: Timestamp) -> Timestamp {
    let day: Int64 = 86_400
    let midnight = Int64(time.date.daysSince1970) * day
    let today = Timestamp(seconds: midnight + Int64(dailyMinute) * 60)
    return today > time ? today : today + .seconds(day)
  }
}
