import LedgerCore
import LedgerService
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import Wire

@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct LimitTests {
  private static let below = PostingOutcome.rejected(reason: "BALANCE_BELOW_LIMIT")
  private static let above = PostingOutcome.rejected(reason: "BALANCE_ABOVE_LIMIT")

  /// What is owed to the merchant may not fall below zero, and 1,000 is owed.
  private static func limited(_ books: Books) async throws -> LedgerCalls {
    let calls = try LedgerCalls(books)
    _ = try await calls.setLimits("merchant_payable", minimum: 0)
    #expect(
      try await books.writer.post([Books.posting(900, "bank:a", minor: 1_000, fact: true)])
        == [.created]
    )
    return calls
  }

  @Test func whoAsksIsRefusedAndAFactIsNot() async throws {
    try await Books.with { books in
      _ = try await Self.limited(books)
      let writer = books.writer
      #expect(try await writer.post([Books.payment(1, 1_001)]) == [Self.below])
      // What was refused stays refused, whatever the balance is by then.
      #expect(try await writer.post([Books.posting(901, "bank:a", minor: 500)]) == [.created])
      #expect(try await writer.post([Books.payment(1, 1_001)]) == [Self.below])
      #expect(try await writer.post([Books.payment(1, 1)]) == [Self.below])
      #expect(try await writer.post([Books.payment(2, 1_001)]) == [.created])
      // A refused command that turns out to have happened is booked, whatever the limit.
      #expect(try await writer.post([Books.payment(1, 9_000, fact: true)]) == [.created])
      #expect(try await books.balance("merchant_payable") == 1_001 + 9_000 - 1_500)
      // Beyond the limit: back is allowed, further is not.
      #expect(try await writer.post([Books.payment(3, 1)]) == [Self.below])
      #expect(try await writer.post([Books.posting(902, "bank:a", minor: 1)]) == [.created])
      try await books.expectSound()
    }
  }

  /// Nobody refuses a fact: people hear of the account until it is back.
  @Test func accountsBeyondALimitAreToldUntilTheyAreBack() async throws {
    try await Books.with { books in
      let calls = try await Self.limited(books)
      let writer = books.writer
      // To the limit itself.
      _ = try await writer.post([Books.payment(1, 1_000, fact: true)])
      #expect(try await Self.told(books, changes: 0) == [])
      _ = try await writer.post([Books.payment(2, 2, fact: true)])
      #expect(try await Self.told(books, changes: 1) == ["merchant_payable EUR open"])
      // Neither further nor closer is news.
      _ = try await writer.post([Books.payment(3, 1, fact: true)])
      _ = try await writer.post([Books.posting(901, "bank:a", minor: 2)])
      #expect(try await Self.told(books, changes: 0) == ["merchant_payable EUR open"])
      // Back; and out again, until the limit is another.
      _ = try await writer.post([Books.posting(902, "bank:a", minor: 1)])
      #expect(try await Self.told(books, changes: 1) == ["merchant_payable EUR resolved"])
      _ = try await writer.post([Books.payment(4, 5, fact: true)])
      #expect(try await Self.told(books, changes: 1) == ["merchant_payable EUR open"])
      _ = try await calls.setLimits("merchant_payable", minimum: -5)
      #expect(try await Self.told(books, changes: 1) == ["merchant_payable EUR resolved"])
      // Above, on the other side: what is held counts, while it is held.
      _ = try await calls.setLimits("bank:a", maximum: 10)
      let hold = try Books.payment(
        5,
        10,
        books.hold(seconds: 60),
        debit: "bank:a",
        credit: "write_offs"
      )
      #expect(try await writer.post([hold]) == [.created])
      #expect(try await books.balance("bank:a") == -5)
      _ = try await writer.post([Books.posting(903, "bank:a", minor: 6, fact: true)])
      #expect(
        try await Self.told(books, changes: 1)
          == ["bank:a EUR open", "merchant_payable EUR resolved"]
      )
      books.clock.advance(by: .seconds(60))
      #expect(try await writer.expireDue() == 1)
      #expect(
        try await Self.told(books, changes: 1)
          == ["bank:a EUR resolved", "merchant_payable EUR resolved"]
      )
      try await books.expectSound()
    }
  }

  /// What people are told of limits after one more look, which changes so many alerts.
  private static func told(_ books: Books, changes: Int) async throws -> [String] {
    #expect(try await LimitAlerts(database: books.database).look() == changes)
    return try await books.database.query(
      """
      select subject || ' ' || state from alert
      where kind = 'account_limit_passed' order by subject
      """
    ).column(as: String.self)
  }

  /// Each item of a batch sees what those before it have done, also where the fast way cannot tell.
  @Test func eachItemStandsAlone() async throws {
    try await Books.with { books in
      _ = try await Self.limited(books)
      let outcomes = try await books.writer.post([
        Books.payment(1, 600), Books.payment(2, 600), Books.payment(3, 400), Books.payment(4, 1),
        Books.posting(5, "bank:a", minor: 50), Books.payment(6, 50), Books.payment(2, 1),
        Books.payment(1, 600), Books.payment(1, 601), Books.payment(7, 5, kind: "gift"),
        Books.payment(8, 5, fact: true),
      ])
      #expect(
        outcomes == [
          .created, Self.below, .created, Self.below, .created, .created, Self.below, .exists,
          .differs("entries.amount.amount_minor"), .rejected(reason: "KIND_UNKNOWN"), .created,
        ]
      )
      #expect(try await books.balance("merchant_payable") == 5)
      #expect(try await books.count("rejection") == 3)
      try await books.expectSound()
    }
  }

  /// A batch that stays clear of every limit in any order is one statement and one transaction; one
  /// that may not is tried again, item by item.
  @Test func awayFromTheLimitNothingIsRead() async throws {
    try await Books.with { books in
      _ = try await Self.limited(books)
      _ = try await books.writer.post([Books.payment(1, 1)])
      let before = await books.database.statistics().transactions
      #expect(try await books.writer.post([Books.payment(2, 1)]) == [.created])
      #expect(await books.database.statistics().transactions == before + 1)
      #expect(try await books.writer.post([Books.payment(3, 5_000)]) == [Self.below])
      #expect(await books.database.statistics().transactions > before + 2)
    }
  }

  @Test func limitsAreSetShownAndReplaced() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      let first = try await calls.setLimits("bank:a", minimum: -5, maximum: 100)
      #expect(first.minimumBalanceMinor == -5 && first.maximumBalanceMinor == 100)
      #expect(first.code == "bank:a" && first.balanceMinor == 0 && first.normalSide == .debit)
      #expect(
        try await books.writer.post([
          Books.posting(1, "bank:a", minor: 101), Books.posting(2, "bank:a", minor: 100),
          Books.payment(3, 106), Books.payment(4, 105),
        ]) == [Self.above, .created, Self.below, .created]
      )
      // On a credit account the same words mean the same.
      let payable = try await calls.setLimits("merchant_payable", minimum: -10, maximum: 20)
      #expect(payable.minimumBalanceMinor == -10 && payable.maximumBalanceMinor == 20)
      #expect(payable.balanceMinor == -5)
      let shown = try await calls.accounts()
      #expect(shown.map(\.minimumBalanceMinor) == [-5, -10])
      let free = try await calls.setLimits("bank:a")
      #expect(free.minimumBalanceMinor == nil && free.maximumBalanceMinor == nil)
      #expect(try await books.writer.post([Books.payment(5, 5)]) == [.created])
      #expect(try await books.writer.post([Books.payment(6, 1)]) == [Self.below])
      #expect(try await books.count("account_limit") == 3)
      for (code, currency, minimum, maximum, reason) in [
        ("bank:a", "XXQ", 0, 1, "CURRENCY_UNKNOWN"), ("cash:a", "EUR", 0, 1, "ACCOUNT_UNKNOWN"),
        ("bank:", "EUR", 0, 1, "ACCOUNT_UNKNOWN"), ("bank:a", "EUR", 2, 1, "LIMITS_INVALID"),
        ("bank:a", "EUR", Int64.min, 1, "LIMITS_INVALID"),
      ] as [(String, String, Int64, Int64, String)] {
        #expect(
          await calls.reason {
            try await calls.setLimits(code, currency, minimum: minimum, maximum: maximum)
          } == reason
        )
      }
      try await books.expectSound()
    }
  }

  /// A replica of the release before cannot decide: it is told to come again, and books nothing.
  @Test func theReleaseBeforePassesNoLimit() async throws {
    try await Books.with { books in
      _ = try await Self.limited(books)
      #expect(try await Self.appendAsBefore(books, id: 1, minor: 10, fact: false) == nil)
      #expect(
        try await Self.appendAsBefore(books, id: 2, minor: 1_000, fact: false) == "55P03"
      )
      #expect(try await Self.appendAsBefore(books, id: 3, minor: 1_000, fact: true) == nil)
      #expect(try await books.count("transaction") == 3)
      try await books.expectSound()
    }
  }

  /// `append_batch` as the release before calls it: a payment to the merchant; the error's code.
  private static func appendAsBefore(
    _ books: Books,
    id: UInt128,
    minor: Int64,
    fact: Bool
  ) async throws -> String? {
    let legs = try Books.payment(id, minor, fact: fact).posting.entries.map { entry in
      RecordedTransaction.Leg(
        account: AccountKey(
          merchant: Books.merchant,
          code: entry.account.description,
          currency: .eur
        ).id,
        side: entry.side,
        currency: .eur,
        amountMinor: minor,
        submittedCode: nil
      )
    }
    let recorded = RecordedTransaction(
      sequence: 0,
      id: LedgerTransactionID(bits: id),
      merchant: Books.merchant,
      kind: "merchant_payment",
      effectiveAtMicroseconds: 1_768_478_400_000_000,
      recordsFact: fact,
      subject: "",
      externalReference: "",
      actor: "a",
      legs: legs
    )
    let none: [String] = []
    let statement = Statement(
      sql: """
        select item from append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
          $15, $16, $17, $18, $19, $20, $21, '{}', '{}', '{}', $22, $22, $22, '{}', $22)
        """,
      Int16(0),
      books.clock.now,
      [recorded.id],
      [Books.merchant],
      [Timestamp(microseconds: recorded.effectiveAtMicroseconds)],
      [fact],
      [recorded.kind],
      [""],
      [""],
      ["a"],
      [[UInt8]?.none],
      [leaf(recorded)],
      [String?.none],
      [Int32(1), 1],
      [Int16(0), 1],
      [Int32(1), 2],
      legs.map(\.side.rawValue),
      legs.map(\.amountMinor),
      ["EUR", "EUR"],
      [String?.none, nil],
      legs.map(\.account),
      none
    )
    do {
      _ = try await books.database.query(statement)
      return nil
    } catch {
      return error.sqlState?.code
    }
  }

  private static func leaf(_ recorded: RecordedTransaction) -> [UInt8] {
    SHA256.hash(recorded.leafBytes(.ordered))
  }
}
