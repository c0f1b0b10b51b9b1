import GRPCCore
import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

@testable import LedgerService

/// Forecasts on a real database: made once a day, scored, and overdue money turned into breaks.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ForecastTests {
  /// The books of one gateway account, with a keeper and the handler.
  struct Desk: Sendable {
    var recon: ReconCalls
    let keeper: ForecastKeeper
    let handler: ForecastHandler
    let settings: ForecastSettings
    /// The database's.
    let today: CivilDate

    static func with(
      contracts: String = "",
      observationsMin: Int = 3,
      _ body: @escaping @Sendable (Desk) async throws -> Void
    ) async throws {
      try await Books.with { books in
        let recon = try ReconCalls(books)
        let now = try await books.database.query("select clock_timestamp()").single()[
          0,
          as: Timestamp.self
        ]
        books.clock.set(now)
        let settings = ForecastSettings(
          contracts: try SettlementContracts(parsing: contracts),
          observationsMin: observationsMin
        )
        try await body(
          Desk(
            recon: recon,
            keeper: ForecastKeeper(recon.environment, settings),
            handler: ForecastHandler(recon.environment, settings),
            settings: settings,
            today: now.date
          )
        )
      }
    }

    /// Business days in euro before today, the last one first.
    func businessDays(before today: CivilDate, _ count: Int) -> [CivilDate] {
      var days: [CivilDate] = []
      var number = today.daysSince1970 - 1
      while days.count < count {
        let day = CivilDate(daysSince1970: number)
        if BusinessCalendar.target2.isBusinessDay(day) { days.append(day) }
        number -= 1
      }
      return days
    }

    func rows(_ sql: String) async throws -> [String] {
      try await recon.books.database.query(Statement(sql: sql)).column(as: String.self)
    }

    private func call<R: Sendable>(
      _ body: @Sendable (ServerContext) async throws -> R
    ) async throws -> R {
      try await body(
        ServerContext(
          descriptor: MethodDescriptor(fullyQualifiedService: "test", method: "test"),
          remotePeer: "in-process:test",
          localPeer: "in-process:test",
          cancellation: ServerContext.RPCCancellationHandle()
        )
      )
    }

    func forecast(
      _ request: LedgerV1.GetForecastRequest = LedgerV1.GetForecastRequest()
    ) async throws -> [LedgerV1.CashForecast] {
      try await call { try await handler.getForecast(request: request, context: $0) }.forecasts
    }

    func errors() async throws -> [LedgerV1.ForecastError] {
      try await call {
        try await handler.getForecastErrors(
          request: LedgerV1.GetForecastErrorsRequest(),
          context: $0
        )
      }.errors
    }
  }

  @Test func aDaysForecastIsMadeOnce() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 10_000, on: "2026-11-02")
      try await desk.recon.book(2, .capture, "pi_2", 5_000, .usd, on: "2026-11-02")
      try await desk.recon.live.book(3, .capture, "pi_3", 700, on: "2026-11-02")
      // Of the day itself: the next day's forecast.
      try await desk.recon.book(4, .capture, "pi_4", 900, on: "2026-11-03")
      let day = BusinessDay("2026-11-03")
      #expect(try await desk.keeper.work(on: day.date) == 3)
      let made = """
        select concat_ws(' ', livemode, currency, day, p10_minor, p50_minor, p90_minor)
        from forecast_day order by 1
        """
      let expected = [
        "f EUR 2026-11-05 10000 10000 10000", "f USD 2026-11-04 5000 5000 5000",
        "t EUR 2026-11-05 700 700 700",
      ]
      #expect(try await desk.rows(made) == expected)
      // Twice, and by another replica: nothing changes.
      #expect(try await desk.keeper.work(on: day.date) == 0)
      let other = ForecastKeeper(desk.recon.environment, desk.settings)
      _ = try await desk.recon.books.database.query(
        "update worker_lease set expires_at = now() - interval '1 second'"
      )
      #expect(try await other.work(on: day.date) == 0)
      #expect(try await desk.rows(made) == expected)
      #expect(try await desk.recon.books.count("forecast") == 3)
    }
  }

  @Test func aLeaseOfSomebodyElseIsRespected() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 10_000, on: "2026-11-02")
      let day = BusinessDay("2026-11-03").date
      let database = desk.recon.books.database
      let name = "forecast stripe:acct_1"
      let lease = try #require(
        try await WorkerLease.acquire(name, holder: UUIDBits(1), database)
      )
      #expect(try await desk.keeper.work(on: day) == 0)
      #expect(try await desk.recon.books.count("forecast_flow") == 0)
      // Who has lost the lease opens no break.
      _ = try await database.query(
        "update worker_lease set expires_at = now() - interval '1 second'"
      )
      _ = try await WorkerLease.acquire(name, holder: UUIDBits(2), database)
      let overdue = ForecastOverdue(
        environment: desk.recon.environment,
        settings: desk.settings,
        lease: lease
      )
      let late = SettlementForecast.Overdue(
        day: BusinessDay("2026-11-02").date,
        dueOn: BusinessDay("2026-11-02").date,
        openMinor: 10_000
      )
      let book = ReconBook(desk.recon.account, isLive: false)
      #expect(try await !overdue.settle(book, [(.eur, late)], day))
      #expect(try await desk.recon.books.count("recon_break") == 0)
      #expect(try await desk.recon.books.count("recon_item") == 0)
    }
  }

  /// Paid after two business days where the contract says three: the first forecasts are a day off,
  /// and those that have seen enough are right.
  @Test func forecastsLearnAndAreScored() async throws {
    try await Desk.with { desk in
      let days = Array(desk.businessDays(before: desk.today, 16).reversed())
      for (number, day) in days.enumerated() {
        _ = try await desk.keeper.work(on: day)
        let id = UInt128(number * 2 + 1)
        try await desk.recon.book(
          id,
          .capture,
          "pi_\(number)",
          1_000 + Int64(number),
          on: "\(day)"
        )
        guard number >= 2 else { continue }
        try await desk.recon.book(
          id + 1,
          .payout,
          "po_\(number)",
          1_000 + Int64(number - 2),
          on: "\(day)"
        )
      }
      #expect(try await desk.keeper.work(on: desk.today) == 1)
      let sources = try await desk.rows(
        "select distinct lag_source || ' ' || lag_p50_days from forecast order by 1"
      )
      #expect(sources == ["contract 3", "observed 2"])
      // What was expected by what was seen is what came; what the contract had said is not.
      let wrong = try await desk.rows(
        """
        select distinct f.lag_source from forecast_score s
        join forecast f using (gateway, account, livemode, currency, made_on)
        where s.p50_minor <> s.actual_minor
        """
      )
      #expect(wrong == ["contract"])
      let right = try await desk.rows(
        """
        select 'right' from forecast_score s
        join forecast f using (gateway, account, livemode, currency, made_on)
        where f.lag_source = 'observed' and s.actual_minor > 0 and s.horizon_days > 0 limit 1
        """
      )
      #expect(right == ["right"])
      let errors = try await desk.errors()
      #expect(errors.map(\.horizonDays) == errors.map(\.horizonDays).sorted())
      let next = try #require(errors.first { $0.horizonDays == 1 })
      #expect(next.scores > 5 && (next.mapePercent ?? 0) > 0 && next.coveragePercent < 100)
      // Two days before today are not known yet.
      let last = try await desk.rows("select max(day)::text from forecast_score")
      #expect(last == [days[days.count - 3].description])
    }
  }

  /// The forecast that people ask for has today's money too.
  @Test func theForecastIsOfWhatTheBooksHave() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 10_000, on: "\(desk.today)")
      try await desk.recon.live.book(2, .capture, "pi_2", 300, on: "\(desk.today)")
      try await desk.recon.book(3, .refund, "re_1", 1_000, on: "\(desk.today)")
      _ = try await desk.keeper.work()
      let found = try await desk.forecast()
      #expect(found.map(\.livemode) == [false, true])
      let test = try #require(found.first)
      #expect(test.openMinor == 9_000 && test.overdueMinor == 0 && test.calendar == "target2")
      #expect(test.lagSource == .contract && test.lagP50Days == 3)
      let due = BusinessCalendar.target2.day(3, after: desk.today)
      #expect(test.days.map(\.day) == [due.description])
      #expect(test.days.map(\.p50Minor) == [9_000])
      var request = LedgerV1.GetForecastRequest(
        gateway: "stripe",
        gatewayAccount: "acct_1",
        livemode: true,
        currency: "EUR",
        days: 1
      )
      let live = try await desk.forecast(request)
      #expect(live.map(\.openMinor) == [300] && live[0].days.isEmpty)
      request.currency = "XXQ"
      #expect(
        try await desk.recon.reason { try await desk.forecast(request) } == "CURRENCY_UNKNOWN"
      )
      request = LedgerV1.GetForecastRequest(gateway: "stripe")
      #expect(
        try await desk.recon.reason { try await desk.forecast(request) }
          == "GATEWAY_ACCOUNT_INVALID"
      )
    }
  }

  /// From the cut-off on, what moves is of the gateway's next day. Postings take effect at 10:00.
  @Test(arguments: [("10:00", "2026-11-03"), ("10:01", "2026-11-02")])
  func theCutOffDecidesTheDay(_ cutOff: String, _ day: String) async throws {
    try await Desk.with(contracts: "stripe * EUR target2 2 \(cutOff)") { desk in
      try await desk.recon.book(1, .capture, "pi_1", 10_000, on: "2026-11-02")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-10").date)
      #expect(try await desk.rows("select day::text from forecast_flow") == [day])
      // Overdue is what the gateway's day says.
      #expect(try await desk.recon.breaks().breaks.map(\.occurredOn) == ["2026-11-02"])
    }
  }

  @Test func whatIsOverdueIsABreakUntilItIsPaid() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 4_000, on: "2026-11-02")
      try await desk.recon.book(2, .capture, "pi_2", 6_000, on: "2026-11-02")
      // The older of the two is paid.
      try await desk.recon.book(3, .payout, "po_1", 4_000, on: "2026-11-05")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-09").date)
      #expect(try await desk.recon.breaks().breaks.isEmpty)
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-10").date)
      let found = try await desk.recon.breaks().breaks
      #expect(found.map(\.reconClass) == [.missingExternal])
      #expect(found.map { $0.booked?.amountMinor } == [6_000])
      #expect(found.map(\.state) == [.opened] && found.map(\.occurredOn) == ["2026-11-02"])
      let explained = try await desk.recon.explain(found[0].id)
      #expect(explained.items.map(\.externalReference) == ["pi_2"])
      let alerts = "select state || ' ' || kind from alert order by 1"
      #expect(try await desk.rows(alerts) == ["open reconciliation_breaks"])
      // The next day finds the same: no step of the break, no second alert.
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-11").date)
      #expect(try await desk.recon.books.count("recon_break_change") == 1)
      #expect(try await desk.recon.books.count("alert") == 1)
      // Paid after all: over.
      try await desk.recon.book(4, .payout, "po_2", 6_000, on: "2026-11-11")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-12").date)
      let after = try await desk.recon.breaks(all: true).breaks
      #expect(after.map(\.state) == [.resolved])
      #expect(try await desk.rows(alerts) == ["resolved reconciliation_breaks"])
      try await desk.recon.books.expectSound()
    }
  }

  /// What two people have given up is overdue for nobody.
  @Test func whatIsWrittenOffIsNoBreakAgain() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 900, on: "2026-11-02")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-10").date)
      let found = try #require(try await desk.recon.breaks().breaks.first)
      let proposal = try #require(try await desk.recon.propose(found.id, key: "p1"))
      _ = try await desk.recon.by("bob").approve(proposal.id, key: "a1")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-11").date)
      #expect(try await desk.recon.breaks().breaks.isEmpty)
      #expect(try await desk.recon.explain(found.id).changes.map(\.state) == [.opened, .resolved])
    }
  }

  /// Where reports come, a run finds the same break and no second one; what it says, stays.
  @Test func aRunOfReconciliationAgrees() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 4_000, on: "2026-11-02")
      try await desk.recon.book(2, .capture, "pi_2", 6_000, on: "2026-11-02")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-10").date)
      #expect(try await desk.recon.breaks().breaks.count == 2)
      try await desk.recon.importing(
        ReconCalls.header
          + ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_000, fee: 65),
        key: "import-1"
      )
      // By the run's days it is overdue, by the contract's not yet.
      try await desk.recon.book(3, .capture, "pi_3", 300, on: "2026-11-06")
      let end = try #require(Timestamp("2026-11-12T12:00:00Z"))
      desk.recon.books.clock.set(end)
      let run = try await desk.recon.run(key: "run-1")
      #expect(run.breaksOpened == 1 && run.breaksResolved == 1 && run.breaksOpen == 2)
      let open = try await desk.recon.breaks().breaks
      #expect(open.compactMap { $0.booked?.amountMinor }.sorted() == [300, 6_000])
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-12").date)
      #expect(try await desk.recon.breaks().breaks.map(\.id) == open.map(\.id))
      #expect(try await desk.recon.breaks(all: true).breaks.count == 3)
      try await desk.recon.expectSoundSets()
    }
  }

  @Test func forecastsAreFacts() async throws {
    try await Desk.with { desk in
      try await desk.recon.book(1, .capture, "pi_1", 4_000, on: "2026-11-02")
      _ = try await desk.keeper.work(on: BusinessDay("2026-11-03").date)
      let test = try TestDatabase.current
      for table in ["forecast_flow", "forecast", "forecast_day", "forecast_score"] {
        for change in [
          "update \(table) set gateway = 'x'", "delete from \(table)", "truncate \(table)",
        ] {
          await #expect(throws: PostgresError.self, "\(change)") {
            _ = try await desk.recon.books.database.query(Statement(sql: change))
          }
          // Of rows that are there; truncating needs none.
          guard table != "forecast_score" || change.hasPrefix("truncate") else { continue }
          await #expect(throws: (any Error).self, "\(change)") {
            try await test.run("set role ledger_owner; set search_path = ledger; \(change)")
          }
        }
      }
    }
  }
}

/// `2026-11-03`
struct BusinessDay {
  let date: CivilDate

  init(_ text: String) {
    guard let time = Timestamp("\(text)T00:00:00Z") else {
      preconditionFailure("\(text) is no day")
    }
    date = time.date
  }
}
