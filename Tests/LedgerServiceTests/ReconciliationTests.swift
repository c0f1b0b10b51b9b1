import LedgerCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Reports against the books, on a real database: the classes come out as the table says.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationTests {
  /// One line of the report and what becomes of it.
  struct Row: Sendable {
    var line: String
    var reconClass: ReconClass
  }

  /// Beside each line stands what the books have.
  static let rows = [
    // capture pi_1 49.99, and its refund below
    row("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75, .matched),
    // capture pi_2 9.99
    row("txn_2", "charge", "ch_2", "pi_2", 1_000, fee: 35, .amountMismatch),
    // capture pi_3 10.00 USD
    row("txn_3", "charge", "ch_3", "pi_3", 1_000, fee: 35, .currencyMismatch),
    // capture pi_4 10.00; 0.35 was agreed
    row("txn_4", "charge", "ch_4", "pi_4", 1_000, fee: 50, .feeMismatch),
    // capture pi_5 10.00
    row("txn_5", "charge_failure", "ch_5", "pi_5", -1_000, .statusMismatch),
    // nothing
    row("txn_6", "charge", "ch_6", "pi_6", 1_000, fee: 35, .missingInternal),
    // nothing, and nobody knows pi_7
    row("txn_7", "refund", "re_7", "pi_7", -1_000, .orphanReversal),
    // refund re_1 20.00
    row("txn_8", "refund", "re_1", "pi_1", -2_000, .matched),
    row("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75, .duplicate),
    row("txn_10", "transfer", "tr_1", "", -1_000, .unknownType),
    // nothing; the line above knows pi_6
    row("txn_11", "refund", "re_6", "pi_6", -1_000, .missingInternal),
    // a returned debit, named by dp_1
    row("txn_12", "dispute", "dp_1", "pi_1", -4_999, .matched),
  ]

  static func row(
    _ transaction: String,
    _ category: String,
    _ source: String,
    _ payment: String,
    _ minor: Int64,
    fee: Int64 = 0,
    _ reconClass: ReconClass
  ) -> Row {
    Row(
      line: ReconCalls.line(transaction, category, source, payment, minor, fee: fee),
      reconClass: reconClass
    )
  }

  static let report = ReconCalls.header + rows.map(\.line).joined()
  static let today = Timestamp(seconds: 1_794_312_000)  // 2026-11-10T12:00:00Z

  static func bookEverything(_ recon: ReconCalls) async throws {
    recon.books.clock.set(today)
    try await recon.book(1, .capture, "pi_1", 4_999)
    try await recon.book(2, .capture, "pi_2", 999)
    try await recon.book(3, .capture, "pi_3", 1_000, .usd)
    try await recon.book(4, .capture, "pi_4", 1_000)
    try await recon.book(5, .capture, "pi_5", 1_000)
    try await recon.book(6, .refund, "re_1", 2_000)
    let movement = Movement(
      account: recon.account,
      kind: .directDebitReturn,
      source: .gatewayMovement("dp_1")
    )
    try await recon.book(try recon.id(movement), .directDebitReturn, "pi_1", 4_999)
    // What no line answers: not due yet, overdue, booked twice, and a payout of another sum.
    try await recon.book(8, .capture, "pi_8", 700, on: "2026-11-09")
    try await recon.book(9, .capture, "pi_9", 900, on: "2026-11-03")
    try await recon.book(10, .capture, "pi_1", 4_999)
    try await recon.book(11, .payout, "po_1", 100)
  }

  static func with(_ body: @escaping @Sendable (ReconCalls) async throws -> Void) async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books)
      try await bookEverything(recon)
      try await body(recon)
    }
  }

  @Test func everyLineGetsItsClass() async throws {
    try await Self.with { recon in
      let file = try await recon.importing(Self.report, key: "import-1")
      #expect(file?.lineCount == 12 && file?.firstDay == "2026-11-02")
      let run = try await recon.run(key: "run-1")
      let expected = Self.rows.enumerated().map { "\($0 + 2) \($1.reconClass.rawValue)" }
      #expect(try await recon.classes() == expected)
      #expect(run.lineCount == 12 && run.itemCount == 11)
      let items = run.classes.filter {
        [.timing, .missingExternal, .batchTotalMismatch].contains($0.reconClass)
      }
      #expect(items.map(\.count) == [1, 1, 1])
      // Two lines and the item that was booked twice.
      #expect(run.classes.first { $0.reconClass == .duplicate }?.count == 2)
      #expect(run.breaksOpen == 12 && run.breaksOpened == 12 && run.breaksResolved == 0)
      let breaks = try await recon.breaks().breaks
      #expect(breaks.count == 12 && breaks.allSatisfy { $0.state == .opened })
      let fee = breaks.first { $0.reconClass == .feeMismatch }
      #expect(fee?.reported?.amountMinor == 50 && fee?.booked?.amountMinor == 35)
      let currency = breaks.first { $0.reconClass == .currencyMismatch }
      #expect(currency?.reported?.currency == "EUR" && currency?.booked?.currency == "USD")
    }
  }

  /// Clearing account = open items + paired items, by two ways of counting.
  @Test func theControlTotalHolds() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      let totals = try await recon.run(key: "run-1").totals
      #expect(totals.map(\.currency) == ["EUR", "USD"])
      #expect(totals.allSatisfy { $0.deviationMinor == 0 })
      let euro = try #require(totals.first)
      let balance = try await recon.books.balance("gateway_clearing:stripe:acct_1")
      #expect(euro.clearingBalanceMinor == balance)
      // pi_8, pi_9, pi_1 again, less the payout.
      #expect(euro.openItemsMinor == 700 + 900 + 4_999 - 100)
      #expect(euro.feesMinor == 75 + 35 + 35 + 50 + 35)
    }
  }

  /// What is posted while a run goes on is on neither side of its control total.
  @Test func postingsMeanwhileAreNoDeviation() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for number in 0..<60 {
            try await recon.book(1_000 + UInt128(number), .capture, "pi_x\(number)", 100)
          }
        }
        for number in 0..<12 {
          let totals = try await recon.run(key: "run-\(number)").totals
          #expect(totals.map(\.deviationMinor) == [0, 0])
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func importingAndRunningTwiceChangesNothing() async throws {
    try await Self.with { recon in
      let first = try await recon.importing(Self.report, key: "import-1")
      let again = try await recon.importing(Self.report, key: "import-1")
      #expect(first == again)
      #expect(
        try await recon.reason { try await recon.importing(Self.report, key: "import-2") }
          == "REPORT_DUPLICATE"
      )
      let dressed = Self.report.replacing("\n", with: "\r\n")
      #expect(
        try await recon.reason { try await recon.importing(dressed, key: "import-3") }
          == "REPORT_REENCODED"
      )
      #expect(try await recon.books.count("recon_line") == 12)
      _ = try await recon.run(key: "run-1")
      let state = try await recon.state()
      let second = try await recon.run(key: "run-2")
      #expect(second.breaksOpened == 0 && second.breaksResolved == 0 && second.breaksOpen == 12)
      #expect(try await recon.state() == state)
      #expect(try await recon.books.count("recon_run") == 2)
    }
  }

  /// What is booked or reported later ends its breaks, and no others.
  @Test func lateBookingsAndLateFilesResolve() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      try await recon.book(20, .capture, "pi_6", 1_000)
      let booked = try await recon.run(key: "run-2")
      #expect(booked.breaksResolved == 1 && booked.breaksOpened == 0 && booked.breaksOpen == 11)
      #expect(try await recon.classes()[5] == "7 matched")
      let late =
        ReconCalls.header
        + ReconCalls.line("txn_20", "charge", "ch_9", "pi_9", 900, fee: 34, payout: "po_2")
      try await recon.importing(late, key: "import-2")
      let reported = try await recon.run(key: "run-3")
      #expect(reported.breaksResolved == 1 && reported.breaksOpened == 0)
      let all = try await recon.breaks(all: true).breaks
      #expect(all.filter { $0.state == .resolved }.count == 2 && all.count == 12)
    }
  }

  /// Time alone turns what was not due into a break.
  @Test func whatIsNotReportedBecomesOverdue() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      let before = try await recon.run(key: "run-1")
      #expect(before.classes.first { $0.reconClass == .timing }?.count == 1)
      recon.books.clock.set(Self.today + .seconds(3 * 86_400))
      let after = try await recon.run(key: "run-2")
      #expect(after.breaksOpened == 1)
      #expect(after.classes.first { $0.reconClass == .timing } == nil)
      #expect(after.classes.first { $0.reconClass == .missingExternal }?.count == 2)
    }
  }

  @Test func aPayoutOfItsLinesIsNoBreak() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      try await recon.book(2, .payout, "po_1", 4_924)
      try await recon.importing(
        ReconCalls.header + ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75),
        key: "import-1"
      )
      let run = try await recon.run(key: "run-1")
      #expect(run.breaksOpen == 0)
      #expect(run.classes == [LedgerV1.ClassCount(reconClass: .matched, count: 2)])
    }
  }

  @Test func withoutAReportThereIsNothingToCompare() async throws {
    try await Self.with { recon in
      let reason = try await recon.reason { try await recon.run(key: "run-1") }
      #expect(reason == "NO_REPORT_IMPORTED")
      let items = try await recon.books.count("recon_item")
      #expect(items == 0)
    }
  }

  // MARK: People

  @Test func peopleLookIntoBreaks() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let ids = try await recon.breaks().breaks.map(\.id)
      #expect(try await recon.change(ids[0], .acknowledge, key: "k1")?.state == .acknowledged)
      #expect(
        try await recon.reason { try await recon.change(ids[0], .acknowledge, key: "k2") }
          == "BREAK_STATE"
      )
      #expect(
        try await recon.reason { try await recon.change(ids[1], .accept, key: "k3") }
          == "NOTE_REQUIRED"
      )
      try await recon.change(ids[1], .accept, note: "below a cent", key: "k4")
      let until = Self.today + .seconds(86_400)
      try await recon.change(ids[2], .snooze, until: until, key: "k5")
      #expect(
        try await recon.reason {
          try await recon.change(ids[3], .snooze, until: Self.today, key: "k6")
        } == "SNOOZE_INVALID"
      )
      #expect(try await recon.breaks().breaks.count == 10)
      // A run leaves all of that; when the time is over it comes back.
      #expect(try await recon.run(key: "run-2").breaksOpened == 0)
      recon.books.clock.set(until)
      #expect(try await recon.run(key: "run-3").breaksOpened == 1)
      let story = try await recon.explain(ids[2]).changes.map(\.state)
      #expect(story == [.opened, .snoozed, .reopened])
      let actors = try await recon.explain(ids[0]).changes.map(\.actor)
      #expect(actors.count == 2 && actors.allSatisfy { $0.contains("ann") })
    }
  }

  @Test func aBreakIsExplained() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let breaks = try await recon.breaks().breaks
      let amount = try #require(breaks.first { $0.reconClass == .amountMismatch })
      let found = try await recon.explain(amount.id)
      #expect(found.line?.line == 3 && found.line?.paymentReference == "pi_2")
      #expect(found.items.map(\.isPaired) == [true])
      #expect(
        found.items.first?.comparison
          == "known by the gateway's id of the payment: the amount is another"
      )
      let overdue = try #require(breaks.first { $0.reconClass == .missingExternal })
      let item = try await recon.explain(overdue.id)
      #expect(item.line == nil && item.items.map(\.externalReference) == ["pi_9"])
      #expect(item.reconBreak?.severity == "critical" && overdue.ageDays == 7)
      #expect(
        try await recon.reason {
          try await recon.explain(ReconBreakID(bits: 1).description)
        } == "BREAK_NOT_FOUND"
      )
    }
  }

  @Test func pagesHoldEveryBreakOnce() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      var ids: [String] = []
      var token = ""
      repeat {
        let page = try await recon.breaks(size: 5, token: token)
        ids += page.breaks.map(\.id)
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(ids.count == 12 && Set(ids).count == 12 && ids == ids.sorted())
    }
  }

  /// One alert for the account, while there is a break.
  @Test func breaksAreAnAlert() async throws {
    try await Self.with { recon in
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let open = try await recon.books.database.query(
        "select severity || ' ' || subject from alert where state = 'open'"
      ).column(as: String.self)
      #expect(open == ["critical stripe:acct_1 test"])
    }
  }
}

extension ReconCalls {
  func id(_ movement: Movement) throws -> UInt128 {
    let bytes = SHA256.hash(movement.canonicalText).prefix(16)
    guard let id = LedgerTransactionID(bytes: bytes) else { throw TestSetupError("no id") }
    return id.bits
  }
}

enum ReportFileText {
  static let adyen = """
    Merchant Account,Psp Reference,Merchant Reference,Creation Date,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Batch Number
    Main,P1,ta1,2026-11-01 10:00:00,Settled,M1,EUR,,49.99,EUR,,49.99,7
    Main,,,2026-11-02 00:00:00,MerchantPayout,,,,,EUR,49.99,,7

    """
}
