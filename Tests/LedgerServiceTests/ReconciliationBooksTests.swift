import LedgerCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Live and test are two books; what is over is not read again; who ends the last break ends its
/// alert.
extension ReconciliationTests {
  private static func alerts(_ recon: ReconCalls) async throws -> [String] {
    try await recon.books.database.query(
      "select severity || ' ' || kind || ' ' || subject from alert where state = 'open' order by 1"
    ).column(as: String.self)
  }

  private static let charge =
    ReconCalls.header + ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)

  // MARK: Two books

  /// The same account name, the same payment, the same amount: neither knows the other.
  @Test func aTestLineNeverMeetsALiveItem() async throws {
    try await Books.with { books in
      let test = try ReconCalls(books)
      books.clock.set(Self.today)
      try await test.live.book(1, .capture, "pi_1", 4_999)
      // Something that is not due.
      try await test.book(2, .capture, "pi_2", 700, on: "2026-11-09")
      try await test.importing(Self.charge, key: "import-1")
      let first = try await test.run(key: "run-1")
      #expect(try await test.classes() == ["2 missing_internal"])
      #expect(first.lineCount == 1 && first.itemCount == 1)
      #expect(first.totals.map(\.clearingBalanceMinor) == [700])
      #expect(
        try await test.reason { try await test.live.run(key: "run-2") } == "NO_REPORT_IMPORTED"
      )
      // The same bytes are a report of the other books as well.
      try await test.live.importing(Self.charge, key: "import-2")
      let live = try await test.live.run(key: "run-3")
      #expect(try await test.live.classes() == ["2 matched"])
      #expect(live.lineCount == 1 && live.itemCount == 1 && live.breaksOpen == 0)
      #expect(live.totals.map(\.clearingBalanceMinor) == [4_999])
      #expect(live.totals.map(\.pairedItemsMinor) == [4_999])
      // Nor does a run of the one touch what the other has found.
      let breaks = try await test.breaks().breaks
      #expect(breaks.map(\.livemode) == [false] && breaks.map(\.state) == [.opened])
      #expect(try await test.live.breaks(all: true).breaks == [])
      #expect(try await test.explain(breaks[0].id).items == [])
      #expect(
        try await Self.alerts(test) == ["critical reconciliation_breaks stripe:acct_1 test"]
      )
      try await test.expectSoundSets()
    }
  }

  /// While one release follows the other, a run of the older one raises alerts that name no books.
  @Test func aRunEndsWhatTheReleaseBeforeHasRaised() async throws {
    try await Books.with { books in
      let test = try ReconCalls(books)
      books.clock.set(Self.today)
      try await test.importing(Self.charge, key: "import-1")
      for kind in ["reconciliation_breaks", "reconciliation_out_of_balance"] {
        for subject in ["stripe:acct_1", "stripe:acct_2"] {
          _ = try await books.database.query(
            Alerts.raise(
              Alert(.critical, kind: kind, subject: subject, message: "x", actor: "test")))
        }
      }
      _ = try await test.run(key: "run-1")
      #expect(
        try await Self.alerts(test) == [
          "critical reconciliation_breaks stripe:acct_1 test",
          "critical reconciliation_breaks stripe:acct_2",
          "critical reconciliation_out_of_balance stripe:acct_2",
        ]
      )
    }
  }

  /// A payout is compared with the lines of its own books, and a line was reported before only there.
  @Test func batchesAndDuplicatesBelongToTheirBooks() async throws {
    try await Books.with { books in
      let test = try ReconCalls(books)
      books.clock.set(Self.today)
      for recon in [test, test.live] {
        let base: UInt128 = recon.isLive ? 10 : 20
        try await recon.book(base + 1, .capture, "pi_1", 4_999)
        try await recon.book(base + 2, .payout, "po_1", 4_924)
        try await recon.importing(Self.charge, key: "import-\(recon.isLive)")
      }
      for recon in [test, test.live] {
        let run = try await recon.run(key: "run-\(recon.isLive)")
        #expect(run.classes == [LedgerV1.ClassCount(reconClass: .matched, count: 2)])
        #expect(run.breaksOpen == 0)
      }
    }
  }

  @Test func theDatabaseRefusesAPairOfTwoBooks() async throws {
    try await Books.with { books in
      let test = try ReconCalls(books)
      books.clock.set(Self.today)
      try await test.live.book(1, .capture, "pi_1", 4_999)
      try await test.book(2, .capture, "pi_2", 700)
      try await test.importing(Self.charge, key: "import-1")
      _ = try await test.run(key: "run-1")
      for reconClass in ["matched", "amount_mismatch"] {
        do {
          try await books.database.transaction { transaction in
            _ = try await transaction.query("delete from recon_match where class <> 'matched'")
            _ = try await transaction.query(
              """
              insert into recon_match (file_id, line, gateway, account, livemode, class, rung, shard,
                sequence, currency)
              select l.file_id, l.line, l.gateway, l.account, l.livemode, \(reconClass), 3, i.shard,
                i.sequence, i.currency
              from recon_line l cross join recon_item i where i.livemode
              """
            )
          }
          Issue.record("a test line met a live item")
        } catch let error as PostgresError {
          #expect(error.sqlState == .checkViolation)
        }
      }
    }
  }

  /// As the release before would: it knows one book only.
  @Test func noClassIsLeftAtALineOfTheOtherBooks() async throws {
    try await Books.with { books in
      let live = try ReconCalls(books).live
      try await live.importing(Self.charge, key: "import-1")
      do {
        _ = try await books.database.query(
          """
          insert into recon_match (file_id, line, gateway, account, class)
          select file_id, line, gateway, account, 'missing_internal' from recon_line
          """
        )
        Issue.record("a line of the live books has a class of the test ones")
      } catch let error as PostgresError {
        #expect(error.sqlState == .checkViolation)
      }
    }
  }

  // MARK: What is open

  @Test func everythingAddsUpAfterEachRun() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      try await recon.expectSoundSets()
      _ = try await recon.run(key: "run-1")
      try await recon.expectSoundSets()
      #expect(try await recon.books.count("recon_open_line") == 9)
      try await recon.book(20, .capture, "pi_6", 1_000)
      _ = try await recon.run(key: "run-2")
      try await recon.expectSoundSets()
      #expect(try await recon.books.count("recon_open_line") == 8)
    }
  }

  /// Thousands of lines are over; a run with one new line reads few rows.
  @Test func aRunReadsWhatIsOpenAndWhatIsNew() async throws {
    try await Books.with { books in
      // The fees are booked: what is not is open, and read.
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(Self.today)
      let count = 4_000
      let postings = try (1...count).map { number in
        PendingPosting(
          posting: try PostingRules.check(
            PostingCommand(
              id: LedgerTransactionID(bits: UInt128(number)),
              merchant: Books.merchant,
              kind: "capture",
              entries: PostingTemplate.entries(
                .capture,
                Amount(.eur, minor: 4_999),
                at: recon.account
              ) ?? [],
              effectiveAtMicroseconds: Self.today.microseconds,
              subject: "",
              externalReference: "pi_\(number)",
              recordsFact: true
            )
          ),
          actor: "service:intents",
          traceID: nil
        )
      }
      #expect(try await books.writer.post(postings).allSatisfy { $0 == .created })
      let lines = (1...count).map {
        ReconCalls.line("txn_\($0)", "charge", "ch_\($0)", "pi_\($0)", 4_999, fee: 75)
      }
      try await recon.importing(ReconCalls.header + lines.joined(), key: "import-1")
      let first = try await recon.run(key: "run-1")
      #expect(first.classes == [LedgerV1.ClassCount(reconClass: .matched, count: UInt64(count))])
      let test = try TestDatabase.current
      try await test.run("analyze")

      try await recon.book(9_999, .capture, "pi_new", 4_999)
      let new = ReconCalls.line("txn_new", "charge", "ch_new", "pi_new", 4_999, fee: 75)
      try await recon.importing(ReconCalls.header + new, key: "import-2")
      let run = ReconRun(
        id: recon.environment.identifiers.make(ReconRunID.self),
        book: ReconBook(recon.account, isLive: false),
        settings: ReconSettings(fees: try FeeSchedule(parsing: "stripe acct_1 EUR 100 25 0")),
        now: books.clock.now,
        stamp: Stamp(actor: "operator:ann", traceID: [UInt8](repeating: 7, count: 16))
      )
      // The session's counts: what was not told yet of earlier transactions is among them.
      let reads: Statement = """
        select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
        from pg_stat_xact_user_tables
        """
      let (record, read) = try await books.database.transaction { transaction in
        let before = try await transaction.query(reads).single()[0, as: Int64.self]
        let record = try await run.perform(in: transaction)
        let after = try await transaction.query(reads).single()[0, as: Int64.self]
        return (record, after - before)
      }
      #expect(record.lineCount == Int64(count) + 1 && record.open == 0)
      #expect(record.classes.map(\.count) == [Int64(count) + 1])
      #expect(read < 500, "a run with one new line read \(read) rows")
      try await recon.expectSoundSets()
    }
  }

  // MARK: The alert

  /// Two breaks: the alert stays while one is open, and ends with the last.
  @Test func whoEndsTheLastBreakEndsTheAlert() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books)
      books.clock.set(Self.today)
      try await recon.importing(
        Self.charge + ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 1_000, fee: 35),
        key: "import-1"
      )
      #expect(try await recon.run(key: "run-1").breaksOpen == 2)
      let ids = try await recon.breaks().breaks.map(\.id)
      func messages() async throws -> [String] {
        try await books.database.query(
          "select message from alert where state = 'open'"
        ).column(as: String.self)
      }
      try await recon.change(ids[0], .acknowledge, key: "k1")
      #expect(try await messages().map { $0.contains("2 breaks") } == [true])
      try await recon.change(ids[0], .accept, note: "written off", key: "k2")
      #expect(try await messages().count == 1)
      try await recon.change(ids[1], .accept, note: "written off", key: "k3")
      #expect(try await messages() == [])
      // A snoozed one asks for nobody either; when its time is over, a run raises the alert again.
      try await recon.importing(
        ReconCalls.header + ReconCalls.line("txn_3", "charge", "ch_3", "pi_3", 1_000, fee: 35),
        key: "import-2"
      )
      #expect(try await recon.run(key: "run-2").breaksOpen == 1)
      let third = try #require(try await recon.breaks().breaks.first?.id)
      #expect(try await messages().count == 1)
      let until = Self.today + .seconds(86_400)
      try await recon.change(third, .snooze, until: until, key: "k4")
      #expect(try await messages() == [])
      books.clock.set(until)
      _ = try await recon.run(key: "run-3")
      #expect(try await messages().count == 1)
    }
  }
  /// One has accepted the last but one and has not committed yet; the other accepts the last.
  @Test func whoComesSecondCountsWhatTheFirstHasLeft() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books)
      let book = ReconBook(recon.account, isLive: false)
      books.clock.set(Self.today)
      try await recon.importing(
        Self.charge + ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 1_000, fee: 35),
        key: "import-1"
      )
      _ = try await recon.run(key: "run-1")
      let ids = try await recon.breaks().breaks.map(\.id)
      let first = try #require(ReconBreakID(ids[0]))
      let stamp = Stamp(actor: "operator:bob", traceID: [UInt8](repeating: 7, count: 16))
      let isDone = Mutex(false)
      let second = try await books.database.transaction { transaction in
        _ = try await transaction.batch([
          ReconAlerts.lock(book),
          ReconBreakStore.change(
            first,
            .accept,
            note: "known",
            until: nil,
            at: books.clock.now,
            stamp
          ),
        ])
        let second = books.loop.spawn(name: "second") {
          _ = try? await recon.change(ids[1], .accept, note: "known", key: "k1")
          isDone.withLock { $0 = true }
        }
        // Until it waits for us, or has not waited.
        while !isDone.withLock({ $0 }) {
          let waiting = try await transaction.query(
            "select count(*) from pg_locks where not granted and locktype = 'advisory'"
          ).single()[0, as: Int64.self]
          if waiting > 0 { break }
        }
        _ = try await transaction.query(ReconAlerts.endIfNothingIsOpen(book))
        return second
      }
      await second.value
      #expect(try await recon.breaks().breaks == [])
      #expect(try await Self.alerts(recon) == [])
    }
  }
}
