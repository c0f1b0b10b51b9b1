import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Days that people seal once books and reports agree.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconSealTests {
  private static let report =
    ReconCalls.header + ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)
  /// The day of every line, and of what is booked.
  private static let day = "2026-11-02"

  private struct Scene: Sendable {
    let recon: ReconCalls
    let books: LedgerCalls

    func seal(_ day: String = ReconSealTests.day) async throws -> LedgerV1.ReconSeal? {
      let request = LedgerV1.SealReconciliationRequest(
        gateway: recon.account.gateway,
        gatewayAccount: recon.account.account,
        day: day
      )
      return try await recon.call("SealReconciliation", key: nil) {
        try await ReconSealsHandler(recon.environment, recon.settings)
          .sealReconciliation(request: request, context: $0)
      }.seal
    }

    func refusal(_ day: String = ReconSealTests.day) async throws -> String? {
      try await recon.reason { try await seal(day) }
    }

    func list(all: Bool = false) async throws -> [LedgerV1.ReconSeal] {
      let request = LedgerV1.ListReconSealsRequest(
        gateway: all ? "" : recon.account.gateway,
        gatewayAccount: all ? "" : recon.account.account
      )
      return try await recon.call("ListReconSeals", key: nil) {
        try await ReconSealsHandler(recon.environment, recon.settings)
          .listReconSeals(request: request, context: $0)
      }.seals
    }

    /// The day on which everything so far was recorded; then the next one begins.
    func sealBooks() async throws {
      try await books.tellAll()
      _ = try #require(try await books.seal())
      recon.books.clock.advance(by: .seconds(86_400))
    }
  }

  private static func with(
    dueDays: Int = 3,
    _ body: @escaping @Sendable (Scene) async throws -> Void
  ) async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books, dueDays: dueDays, booksReports: true)
      books.clock.set(ReconciliationTests.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      try await body(Scene(recon: recon, books: try LedgerCalls(books)))
    }
  }

  /// From nothing to a seal, each thing that stands in the way by its name.
  @Test func aDayIsSealedOnceBooksAndReportsAgree() async throws {
    try await Self.with { scene in
      let recon = scene.recon
      #expect(try await scene.refusal() == "BOOKS_DAY_OPEN")
      try await scene.sealBooks()
      #expect(try await scene.refusal() == "NO_REPORT_IMPORTED")
      try await recon.importing(Self.report, key: "import-1")
      #expect(try await scene.refusal("2026-11-03") == "REPORTS_MISSING")
      #expect(try await scene.list() == [])
      let sealed = try #require(try await scene.seal())
      #expect(sealed.day == Self.day && sealed.number == 1 && sealed.actor == "operator:ann")
      #expect(sealed.lineCount == 1 && sealed.acceptedBreakCount == 0)
      #expect(sealed.runID == (try await recon.schedules().first?.lastRunID))
      #expect(sealed.booksRoot == (try await scene.books.listSeals().seals.first?.root))
      #expect(sealed.reopenedFrom == "")
      // Of days that are sealed there is no second seal.
      #expect(try await scene.seal() == sealed)
      #expect(try await scene.seal("2026-11-01") == sealed)
      #expect(try await scene.list() == [sealed])
      #expect(try await scene.list(all: true) == [sealed])
    }
  }

  /// A payout that its lines come to has no line of its own, nor has what settles a break.
  @Test func whatAsksForNoLineKeepsNoDayOpen() async throws {
    try await Self.with { scene in
      let recon = scene.recon
      let lines = Self.report + ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 300, fee: 28)
      try await recon.book(2, .capture, "pi_2", 299)
      try await scene.sealBooks()
      let net = CommonV1.Money(currency: "EUR", amountMinor: 4_999 - 75 + 300 - 28)
      try await recon.importing(lines, payouts: [.init(batch: "po_1", net: net)], key: "import-1")
      #expect(try await scene.refusal() == "BREAKS_OPEN")
      // The comparison before the refusal stays, for people to look into.
      let found = try #require(try await recon.breaks().breaks.first)
      #expect(try await recon.books.balance("payouts_in_transit:stripe:acct_1") != 0)
      _ = try await recon.resolve(found.id, .adjustment, key: "resolve-1")
      let sealed = try #require(try await scene.seal())
      #expect(sealed.acceptedBreakCount == 0 && sealed.reopenedFrom == "")
    }
  }

  /// A break is of the day of its line, and of that of its booking, whichever is earlier.
  @Test func aLineOfTheNextDayKeepsItsBookingsDayOpen() async throws {
    try await Self.with { scene in
      let recon = scene.recon
      try await scene.sealBooks()
      let wrong = ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 5_000, fee: 75)
        .replacing("2026-11-02", with: "2026-11-03")
      try await recon.importing(ReconCalls.header + wrong, key: "import-1")
      #expect(try await scene.refusal() == "BREAKS_OPEN")
      let found = try #require(try await recon.breaks().breaks.first)
      #expect(found.occurredOn == "2026-11-03")
      try await recon.change(found.id, .accept, note: "theirs", key: "accept-1")
      #expect(try await scene.seal()?.acceptedBreakCount == 1)
    }
  }

  /// What waits for its report, and what differs, keeps a day open until somebody has decided.
  @Test func whatIsOpenKeepsADayOpen() async throws {
    try await Self.with { scene in
      let recon = scene.recon
      // Booked a day before the comparison: not overdue.
      try await recon.book(2, .capture, "pi_2", 700, on: "2026-11-09")
      let lines =
        Self.report + ReconCalls.line("txn_2", "charge", "ch_3", "pi_3", 300, fee: 28)
      try await scene.sealBooks()
      try await recon.importing(lines, key: "import-1")
      let later = ReconCalls.line("txn_9", "charge", "ch_9", "pi_9", 900, fee: 34)
        .replacing("2026-11-02", with: "2026-11-09")
      try await recon.importing(ReconCalls.header + later, key: "import-2")
      #expect(try await scene.refusal("2026-11-09") == "ITEMS_AWAITED")
      #expect(try await scene.refusal() == "BREAKS_OPEN")
      let found = try #require(
        try await recon.breaks().breaks.first { $0.occurredOn == Self.day }
      )
      try await recon.change(
        found.id,
        .snooze,
        until: ReconciliationTests.today + .seconds(2 * 86_400),
        key: "snooze-1"
      )
      #expect(try await scene.refusal() == "BREAKS_OPEN")
      try await recon.change(found.id, .accept, note: "a test of theirs", key: "accept-1")
      let sealed = try #require(try await scene.seal())
      // Whatever is open of later days does not matter.
      #expect(sealed.acceptedBreakCount == 1 && sealed.reopenedFrom == "")
      #expect(try await scene.refusal("2026-11-09") == "ITEMS_AWAITED")
    }
  }

  /// A late report reopens its own days alone, and they are sealed once more.
  @Test func whatComesLateReopensItsDays() async throws {
    try await Self.with(dueDays: 30) { scene in
      let recon = scene.recon
      func line(_ number: Int, on day: String) -> String {
        ReconCalls.line("txn_\(number)", "charge", "ch_\(number)", "pi_\(number)", 500, fee: 30)
          .replacing("2026-11-02", with: day)
      }
      try await recon.book(2, .capture, "pi_2", 500, on: "2026-11-04")
      try await recon.book(3, .capture, "pi_3", 500, on: "2026-11-04")
      try await scene.sealBooks()
      try await recon.importing(Self.report + line(2, on: "2026-11-04"), key: "import-1")
      #expect(try await scene.refusal("2026-11-04") == "ITEMS_AWAITED")
      try await recon.importing(ReconCalls.header + line(3, on: "2026-11-04"), key: "import-2")
      let first = try #require(try await scene.seal("2026-11-04"))
      #expect(first.number == 1 && first.reopenedFrom == "")

      try await recon.importing(
        ReconCalls.header + line(4, on: "2026-11-03") + line(5, on: "2026-11-06"),
        key: "import-3"
      )
      #expect(try await scene.list().map(\.reopenedFrom) == ["2026-11-03"])
      // Days before stay sealed.
      #expect(try await scene.seal()?.number == 1)
      #expect(try await scene.refusal("2026-11-04") == "BREAKS_OPEN")
      for found in try await recon.breaks().breaks where found.occurredOn == "2026-11-03" {
        try await recon.change(found.id, .accept, note: "theirs", key: "accept-\(found.id)")
      }
      let second = try #require(try await scene.seal("2026-11-04"))
      #expect(second.number == 2 && second.reopenedFrom == "")
      #expect(try await scene.list().map(\.number) == [2, 1])
    }
  }

  /// A fact of those days that is booked late, for as long as it waits for its report.
  @Test func whatIsBookedLateReopensItsDaysWhileItWaits() async throws {
    try await Self.with(dueDays: 30) { scene in
      let recon = scene.recon
      try await scene.sealBooks()
      try await recon.importing(Self.report, key: "import-1")
      #expect(try await scene.seal()?.number == 1)
      try await recon.book(7, .capture, "pi_7", 500)
      // Nobody has compared yet; whoever seals does.
      #expect(try await scene.refusal() == "ITEMS_AWAITED")
      #expect(try await scene.list().map(\.reopenedFrom) == [Self.day])
      let line = ReconCalls.line("txn_7", "charge", "ch_7", "pi_7", 500, fee: 30)
        .replacing("2026-11-02", with: "2026-11-05")
      try await recon.importing(ReconCalls.header + line, key: "import-2")
      _ = try await recon.run(key: "run-1")
      #expect(try await scene.list().map(\.reopenedFrom) == [""])
      #expect(try await scene.seal()?.number == 1)
    }
  }

  /// Nor can it be written past the service.
  @Test func theTableWantsProofs() async throws {
    try await Self.with { scene in
      let recon = scene.recon
      let lines =
        Self.report + ReconCalls.line("txn_2", "charge", "ch_3", "pi_3", 300, fee: 28)
      try await recon.importing(lines, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let found = try #require(try await recon.breaks().breaks.first)
      let day = try #require(CivilDate(isoText: Self.day))
      let database = recon.books.database
      func run() async throws -> ReconRunID {
        let id = try await recon.schedules().first?.lastRunID
        return try #require(id.flatMap { ReconRunID($0) })
      }
      @Sendable func insert(
        _ run: ReconRunID,
        isLive: Bool = false,
        _ day: CivilDate
      ) async throws {
        _ = try await database.query(
          ReconSealStore.insert(
            ReconBook(recon.account, isLive: isLive),
            through: day,
            after: run,
            recon.environment.stamp
          )
        )
      }
      let first = try await run()
      // The books' day is open, and then a break.
      await #expect(throws: PostgresError.self) { try await insert(first, day) }
      try await scene.sealBooks()
      await #expect(throws: PostgresError.self) { try await insert(first, day) }
      try await recon.change(found.id, .accept, note: "theirs", key: "accept-1")
      // The comparison of other books, or an older one.
      await #expect(throws: PostgresError.self) { try await insert(first, isLive: true, day) }
      _ = try await recon.run(key: "run-2")
      await #expect(throws: PostgresError.self) { try await insert(first, day) }
      let last = try await run()
      try await insert(last, day)
      for change in ["update recon_seal set day = day - 1", "delete from recon_seal"] {
        await #expect(throws: PostgresError.self) {
          _ = try await database.query(Statement(sql: change))
        }
      }
      #expect(try await recon.books.count("recon_seal") == 1)
    }
  }
}
