import LedgerCore
import LedgerService
import Money
import Postgres
import TestSupport
import Testing
import Wire

@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ClosedAccountTests {
  private static let closed = PostingOutcome.rejected(reason: "ACCOUNT_CLOSED")

  /// Items of one batch stand alone: those beside a closed account are booked.
  @Test func whoAsksIsRefusedAndTheOthersAreNot() async throws {
    try await Books.with { books in
      let (calls, writer) = (try LedgerCalls(books), books.writer)
      #expect(try await writer.post([Books.posting(1, "bank:a", minor: 700)]) == [.created])
      #expect(try await calls.setClosed(true, "bank:a").closed)
      #expect(
        try await writer.post([
          Books.posting(2), Books.posting(3, "bank:a"), Books.posting(4),
          Books.payment(5, 10), Books.payment(6, 10, credit: "bank:b"),
        ]) == [.created, Self.closed, .created, Self.closed, .created]
      )
      #expect(
        try await writer.post([
          Books.payment(7, 10, books.hold(seconds: 60)),
          Books.payment(8, nil, .reverse(LedgerTransactionID(bits: 1)), kind: "reversal"),
          // What is not known comes first.
          Books.posting(9, "bank:a", "cash:drawer"),
        ]) == [Self.closed, Self.closed, .rejected(reason: "ACCOUNT_UNKNOWN")]
      )
      // What was booked before is there, and the other currency is another account.
      #expect(
        try await writer.post([
          Books.posting(1, "bank:a", minor: 700), Books.posting(10, "bank:a", currency: "USD"),
        ]) == [.exists, .created]
      )
      #expect(try await books.balance("bank:a") == 700)
      // Open again: what was refused stays refused, and a new id is booked.
      #expect(try await calls.setClosed(false, "bank:a").closed == false)
      #expect(
        try await writer.post([Books.posting(3, "bank:a"), Books.posting(11, "bank:a")])
          == [Self.closed, .created]
      )
      #expect(try await books.balance("bank:a") == 800)
      try await books.expectSound()
    }
  }

  /// While nobody asks for a closed account, a batch is one statement; so are facts on it.
  @Test func besideClosedAccountsNothingIsRead() async throws {
    try await Books.with { books in
      let (calls, writer) = (try LedgerCalls(books), books.writer)
      #expect(try await writer.post([Books.posting(20)]) == [.created])
      try await calls.setClosed(true, "bank:a")
      let batches = [
        [try Books.posting(1), try Books.posting(2)], [try Books.posting(3, "bank:a", fact: true)],
        [try Books.posting(4), try Books.posting(5, "bank:a", fact: true)],
      ]
      for batch in batches {
        let before = await books.database.statistics().transactions
        #expect(try await writer.post(batch).allSatisfy { $0 == .created })
        #expect(await books.database.statistics().transactions == before + 1)
      }
      let before = await books.database.statistics().transactions
      #expect(try await writer.post([Books.posting(6, "bank:a")]) == [Self.closed])
      #expect(await books.database.statistics().transactions > before + 1)
      try await books.expectSound()
    }
  }

  /// What has happened is booked, by either way, and people hear of it until they have looked.
  @Test func factsAreBookedAndTold() async throws {
    try await Books.with { books in
      let (calls, writer) = (try LedgerCalls(books), books.writer)
      #expect(try await writer.post([Books.posting(1, "bank:a", fact: true)]) == [.created])
      try await calls.setClosed(true, "bank:a")
      #expect(try await Self.told(books, changes: 0) == [])
      #expect(try await writer.post([Books.posting(2, "bank:a", fact: true)]) == [.created])
      #expect(try await Self.told(books, changes: 1) == ["bank:a EUR open"])
      #expect(
        try await writer.post([
          Books.posting(3, "bank:a"), Books.posting(3, "bank:a", fact: true),
        ]) == [Self.closed, .created]
      )
      #expect(try await Self.told(books, changes: 0) == ["bank:a EUR open"])
      // Closed anew, as it is; then a fact, and opened.
      try await calls.setClosed(true, "bank:a")
      #expect(try await Self.told(books, changes: 1) == ["bank:a EUR resolved"])
      #expect(try await writer.post([Books.posting(4, "bank:a", fact: true)]) == [.created])
      #expect(try await Self.told(books, changes: 1).contains("bank:a EUR open"))
      try await calls.setClosed(false, "bank:a")
      #expect(try await Self.told(books, changes: 1).contains("bank:a EUR open") == false)
      #expect(try await writer.post([Books.posting(5, "bank:a", fact: true)]) == [.created])
      #expect(try await Self.told(books, changes: 0).contains("bank:a EUR open") == false)
      #expect(try await books.balance("bank:a") == 500)
      #expect(try await books.count("account_closing") == 3)
      try await books.expectSound()
    }
  }

  /// What people are told after one more look, which changes so many alerts.
  private static func told(_ books: Books, changes: Int) async throws -> [String] {
    #expect(try await ClosingAlerts(database: books.database).look() == changes)
    return try await books.database.query(
      """
      select subject || ' ' || state from alert
      where kind = 'closed_account_moved' order by subject, state
      """
    ).column(as: String.self)
  }

  @Test func whatIsHeldKeepsAnAccountOpen() async throws {
    try await Books.with { books in
      let (calls, writer) = (try LedgerCalls(books), books.writer)
      #expect(
        try await writer.post([Books.payment(1, 10, books.hold(seconds: 60))]) == [.created]
      )
      for code in ["bank:a", "merchant_payable"] {
        let reason = await calls.reason { try await calls.setClosed(true, code) }
        #expect(reason == "ACCOUNT_HAS_PENDING")
        #expect(try await calls.account(code)?.closed == false)
      }
      #expect(try await books.count("account_closing") == 0)
      // That it is to be open is no question of what is held.
      try await calls.setClosed(false, "bank:a")
      let void = try Books.payment(2, nil, .voidPending(LedgerTransactionID(bits: 1)))
      #expect(try await writer.post([void]) == [.created])
      try await calls.setClosed(true, "bank:a")
      let hold = try Books.payment(3, 10, books.hold(seconds: 60))
      #expect(try await writer.post([hold]) == [Self.closed])
      try await books.expectSound()
    }
  }

  @Test func closedIsShownBesideTheLimits() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      // One that nobody has used yet, and one with limits, which stay.
      let fresh = try await calls.setClosed(true, "write_offs")
      #expect(fresh.closed && fresh.code == "write_offs" && fresh.balanceMinor == 0)
      _ = try await calls.setLimits("bank:a", minimum: 0, maximum: 50)
      let limited = try await calls.setClosed(true, "bank:a")
      #expect(limited.closed && limited.minimumBalanceMinor == 0)
      #expect(limited.maximumBalanceMinor == 50)
      #expect(try await calls.setLimits("bank:a", maximum: 60).closed)
      #expect(try await calls.accounts().map(\.closed) == [true, true])
      #expect(try await calls.account("bank:a")?.closed == true)
      // Of another instant that is not known.
      #expect(try await calls.account("bank:a", recorded: books.clock.now)?.closed == false)
      let open = try await calls.setClosed(false, "bank:a")
      #expect(!open.closed && open.maximumBalanceMinor == 60)
      for (code, currency, reason) in [
        ("bank:a", "XXQ", "CURRENCY_UNKNOWN"), ("cash:a", "EUR", "ACCOUNT_UNKNOWN"),
      ] {
        for isClosed in [true, false] {
          let found = await calls.reason { try await calls.setClosed(isClosed, code, currency) }
          #expect(found == reason)
        }
      }
      try await books.expectSound()
    }
  }
}
