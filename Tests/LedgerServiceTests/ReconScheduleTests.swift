import LedgerCore
import Money
import Postgres
import Reactor
import ServiceKit
import Synchronization
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Runs that nobody asks for, and runs that meet each other.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconScheduleTests {
  private static func with(
    _ body: @escaping @Sendable (ReconCalls) async throws -> Void
  ) async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, booksReports: true)
      books.clock.set(ReconciliationTests.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      try await body(recon)
    }
  }

  private static let report =
    ReconCalls.header + ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)

  /// As if the last import had been a minute ago.
  private static func quieten() async throws {
    try await TestDatabase.current.run(
      "update ledger.recon_schedule set requested_at = requested_at - interval '1 minute'"
    )
  }

  @Test func anImportIsComparedOnce() async throws {
    try await Self.with { recon in
      let keepers = [
        ReconKeeper(recon.environment, recon.settings),
        ReconKeeper(recon.environment, recon.settings),
      ]
      #expect(try await keepers[0].work() == 0)
      try await recon.importing(Self.report, key: "import-1")
      try await Self.quieten()
      #expect(try await keepers[0].work() == 1)
      // Nor does another replica do it again.
      #expect(try await keepers[1].work() == 0)
      #expect(try await keepers[0].work() == 0)
      #expect(try await recon.books.count("recon_run") == 1)
      #expect(try await recon.classes() == ["2 matched"])
      #expect(try await recon.books.balance("gateway_fees:stripe:acct_1") == 75)
      let schedule = try #require(try await recon.schedules().first)
      #expect(schedule.lastRunID.hasPrefix("rr_") && schedule.failures == 0)
      let next = try #require(schedule.nextRunAt).seconds
      let last = try #require(schedule.lastRunAt).seconds
      #expect(next > last && next - last <= 86_400 && next % 86_400 == 21_600)
      #expect(try await keepers[0].queue().length == 0)
    }
  }

  /// Two at once: by lease, one of them.
  @Test func twoReplicasShareTheWork() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      try await Self.quieten()
      let keepers = (0..<2).map { _ in ReconKeeper(recon.environment, recon.settings) }
      async let first = keepers[0].work()
      async let second = keepers[1].work()
      #expect(try await first + second == 1)
      #expect(try await recon.books.count("recon_run") == 1)
    }
  }

  /// What people run by hand counts as well.
  @Test func aRunByHandIsARun() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      let run = try await recon.run(key: "run-1")
      #expect(try await recon.schedules().map(\.lastRunID) == [run.runID])
      let keeper = ReconKeeper(recon.environment, recon.settings)
      #expect(try await keeper.work() == 0)
    }
  }

  /// A failure is noted, waits, and is an alert the third time; a run ends it.
  @Test func failuresAreAnAlert() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      try await Self.quieten()
      let test = try TestDatabase.current
      try await test.run(
        "alter table ledger.recon_run add constraint nobody check (line_count < 0)"
      )
      let keeper = ReconKeeper(recon.environment, recon.settings)
      for number in 1...3 {
        #expect(try await keeper.work() == 0)
        #expect(try await recon.schedules().map(\.failures) == [UInt32(number)])
        // Not before its pause is over.
        #expect(try await keeper.work() == 0)
        #expect(try await recon.schedules().map(\.failures) == [UInt32(number)])
        try await test.run(
          "update ledger.recon_schedule set tried_at = tried_at - interval '1 hour'"
        )
      }
      func alerts() async throws -> [String] {
        try await recon.books.database.query("select kind from alert where state = 'open'")
          .column(as: String.self)
      }
      #expect(try await alerts() == ["reconciliation_failed"])
      try await test.run("alter table ledger.recon_run drop constraint nobody")
      #expect(try await keeper.work() == 1)
      #expect(try await alerts() == [])
      #expect(try await recon.schedules().map(\.failures) == [0])
    }
  }

  // MARK: Whoever meets a run

  /// Refused with a reason that says so, and the same key may be used again.
  @Test func whoeverMeetsARunHearsIt() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      let other = ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 100)
      let reasons = Mutex<[String]>([])
      let book = ReconBook(recon.account, isLive: false)
      try await recon.books.database.transaction { transaction in
        try await ReconTurn.take(book.account, in: transaction)
        for call in 0..<2 {
          _ = recon.books.loop.spawn(name: "caller") {
            let reason = try? await recon.reason { () async throws -> Void in
              if call == 0 {
                _ = try await recon.run(key: "run-1")
              } else {
                _ = try await recon.importing(ReconCalls.header + other, key: "import-2")
              }
            }
            reasons.withLock { $0.append(reason ?? "none") }
          }
        }
        // Until both have given up.
        while reasons.withLock({ $0.count }) < 2 {
          _ = try await transaction.query("select pg_sleep(0.05)")
        }
      }
      #expect(
        reasons.withLock { $0 } == ["RECONCILIATION_RUNNING", "RECONCILIATION_RUNNING"]
      )
      #expect(try await recon.run(key: "run-1").lineCount == 1)
      try await recon.importing(ReconCalls.header + other, key: "import-2")
    }
  }

  /// The rest of the call's time, and no more than a statement may take.
  @Test func aStatementEndsWithItsCall() {
    #expect(ReconTurn.statementMilliseconds(of: 120_000, before: nil) == 120_000)
    let soon = ReconTurn.statementMilliseconds(of: 120_000, before: .after(.seconds(10)))
    #expect((9_000...10_000).contains(soon))
    #expect(
      ReconTurn.statementMilliseconds(of: 120_000, before: .after(.seconds(600))) == 120_000
    )
    #expect(ReconTurn.statementMilliseconds(of: 120_000, before: .after(.seconds(-1))) == 1)
  }
}
