package import Money

/// A service whose outbox the books are filled from. The raw values are the names in certificates.
package enum LedgerProducer: String, Hashable, Sendable, CaseIterable {
  // In the order in which a fact travels: what gateway-router tells intents, intents tells the books.
  case gatewayRouter = "gateway-router"
  case intents
}

/// How far a producer has told everything.
package struct ProducerWatermark: Hashable, Sendable {
  package var throughMicroseconds: Int64
  /// When the ledger heard it last.
  package var reportedAtMicroseconds: Int64
  /// When the ledger first heard that it has told everything of the day in question; nil: not yet.
  package var passedAtMicroseconds: Int64?

  package init(
    throughMicroseconds: Int64,
    reportedAtMicroseconds: Int64,
    passedAtMicroseconds: Int64?
  ) {
    self.throughMicroseconds = throughMicroseconds
    self.reportedAtMicroseconds = reportedAtMicroseconds
    self.passedAtMicroseconds = passedAtMicroseconds
  }
}

/// When a day may be sealed.
package enum DaySealRule {
  /// After a day's end nothing is sealed for so long: whoever commits across midnight has ended, and a
  /// clock that is set back by less brings no batch into the day.
  package static let graceMinutes: Int64 = 10
  /// After a day's end, until people hear which producer keeps it open.
  package static let alertMinutes: Int64 = 60
  /// After a day's end, until a person may seal it without a producer. Nothing else does.
  package static let silenceHours: Int64 = 24
  /// After a day's end, until its seal is no news any more: the next one names its root. Whoever comes to
  /// sealing with years of books does not tell of each day.
  package static let newsDays: Int64 = 3

  package static func end(of day: CivilDate) -> Timestamp {
    Timestamp(seconds: Int64(day.daysSince1970 + 1) * 86_400)
  }

  package static func isOver(_ day: CivilDate, at now: Timestamp) -> Bool {
    now >= end(of: day) + .seconds(graceMinutes * 60)
  }

  package static func isAlarming(_ day: CivilDate, at now: Timestamp) -> Bool {
    now >= end(of: day) + .seconds(alertMinutes * 60)
  }

  package static func isNews(
    _ day: CivilDate,
    at now: Timestamp,
    days: Int64 = DaySealRule.newsDays
  ) -> Bool {
    now < end(of: day) + .seconds(days * 86_400)
  }

  package static func mayGoOnWithout(_ day: CivilDate, at now: Timestamp) -> Bool {
    now >= end(of: day) + .seconds(silenceHours * 3_600)
  }

  /// The producers that have not told everything of the day yet, in the order of the facts.
  ///
  /// What one hands to the next is with the next only since the first has told all of it: so the next
  /// must have told everything up to that moment, not up to the day's end alone.
  package static func behind(
    _ day: CivilDate,
    _ watermarks: [LedgerProducer: ProducerWatermark]
  ) -> [LedgerProducer] {
    var wanted = end(of: day).microseconds
    return LedgerProducer.allCases.filter { producer in
      guard let watermark = watermarks[producer], let passedAt = watermark.passedAtMicroseconds,
        watermark.throughMicroseconds >= wanted
      else { return true }
      wanted = max(wanted, passedAt)
      return false
    }
  }
}
