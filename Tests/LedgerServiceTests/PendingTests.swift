import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What is held, and how it ends, in the tables.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct PendingTests {
  private static func id(_ number: UInt128) -> LedgerTransactionID {
    LedgerTransactionID(bits: number)
  }

  private static func refused(_ reason: String) -> PostingOutcome { .rejected(reason: reason) }

  /// 1,000 are owed to the merchant and lie at the bank; neither may fall below zero.
  private static func scene(_ books: Books) async throws -> LedgerCalls {
    let calls = try LedgerCalls(books)
    _ = try await calls.setLimits("merchant_payable", minimum: 0)
    _ = try await calls.setLimits("bank:a", minimum: 0)
    #expect(
      try await books.writer.post([Books.posting(900, "bank:a", minor: 1_000, fact: true)])
        == [.created]
    )
    return calls
  }

  /// What does not fit while the batch is written is refused alone.
  @Test func whatABatchHoldsFitsAtAnyTime() async throws {
    try await Books.with { books in
      let half: Int64 = 5_000_000_000_000_000_000
      let hold = books.hold(seconds: 60)
      let outcomes = try await books.writer.post([
        Books.payment(1, half, hold), Books.payment(2, nil, .voidPending(Self.id(1))),
        Books.payment(3, half, hold), Books.payment(4, 1),
      ])
      #expect(outcomes == [.created, .created, Self.refused("OVERFLOW"), .created])
      #expect(try await books.writer.post([Books.payment(3, half, hold)]) == [.created])
      #expect(try await books.sums("bank:a") == [0, 1, 0, half])
      try await books.expectSound()
    }
  }

  @Test func whatIsHeldHasNotMovedAndCounts() async throws {
    try await Books.with { books in
      let calls = try await Self.scene(books)
      #expect(
        try await books.writer.post([Books.payment(1, 700, books.hold(seconds: 60))])
          == [.created]
      )
      #expect(try await books.sums("merchant_payable") == [0, 1_000, 700, 0])
      #expect(try await books.sums("bank:a") == [1_000, 0, 0, 700])
      let payable = try await calls.account("merchant_payable")
      #expect(payable?.balanceMinor == 1_000 && payable?.minimumBalanceMinor == 0)
      #expect(payable?.debitsPendingMinor == 700 && payable?.creditsPendingMinor == 0)
      // Of an instant only what has moved is told.
      let then = try await calls.account("merchant_payable", recorded: books.clock.now)
      #expect(then?.balanceMinor == 1_000 && then?.minimumBalanceMinor == nil)
      #expect(then?.debitsPendingMinor == 0)
      #expect(try await calls.entries("merchant_payable").entries.count == 1)
      #expect(try await books.count("entry") == 2)
      #expect(
        try await books.writer.post([Books.payment(2, 301)])
          == [Self.refused("BALANCE_BELOW_LIMIT")]
      )
      #expect(try await books.writer.post([Books.payment(3, 300)]) == [.created])
      let accounts = try await calls.accounts()
      #expect(accounts.map(\.debitsPendingMinor) == [0, 700])
      #expect(accounts.map(\.creditsPendingMinor) == [700, 0])
      let held = try #require(try await calls.pending().first)
      #expect(held.phase == .pending && held.entries.count == 2 && held.endedBy.isEmpty)
      let expiresAt = books.clock.now + Duration.seconds(60)
      #expect(held.expiresAt?.timestamp == expiresAt)
      #expect(held.id == Self.id(1).description)
      try await books.expectSound()
    }
  }

  @Test func postedOnceAsAWholeOrInPart() async throws {
    try await Books.with { books in
      let calls = try await Self.scene(books)
      let hold = books.hold(seconds: 60)
      _ = try await books.writer.post([
        Books.payment(1, 400, hold), Books.payment(2, 500, hold),
      ])
      let whole = try Books.payment(3, nil, .postPending(Self.id(1)))
      #expect(try await books.writer.post([whole]) == [.created])
      // The same again, also with the legs named, is the same; another amount is not.
      #expect(try await books.writer.post([whole]) == [.exists])
      #expect(
        try await books.writer.post([
          Books.payment(3, 400, .postPending(Self.id(1))),
          Books.payment(3, 1, .postPending(Self.id(1))), Books.payment(3, 400),
        ]) == [
          .exists, .differs("entries.amount.amount_minor"), .differs("phase"),
        ]
      )
      #expect(try await books.sums("merchant_payable") == [400, 1_000, 500, 0])
      #expect(
        try await books.writer.post([
          Books.payment(4, nil, .postPending(Self.id(1))),
          Books.payment(5, nil, .voidPending(Self.id(1))),
          Books.payment(6, 501, .postPending(Self.id(2))),
          Books.payment(7, 120, .postPending(Self.id(2))),
          Books.payment(8, nil, .voidPending(Self.id(2))),
        ]) == [
          Self.refused("PENDING_POSTED"), Self.refused("PENDING_POSTED"),
          Self.refused("PENDING_EXCEEDED"), .created, Self.refused("PENDING_POSTED"),
        ]
      )
      // What was not posted is free again.
      #expect(try await books.sums("merchant_payable") == [520, 1_000, 0, 0])
      #expect(try await books.writer.post([Books.payment(9, 480)]) == [.created])
      #expect(try await calls.pending().isEmpty)
      let ended = try #require(try await calls.transaction(2))
      #expect(ended.phase == .pending && ended.endedBy == Self.id(7).description)
      let part = try #require(try await calls.transaction(7))
      #expect(part.phase == .postPending && part.pendingID == Self.id(2).description)
      #expect(part.entries.map { $0.amount?.amountMinor } == [120, 120])
      #expect(try await calls.transactions(about: "po_1").count == 5)
      try await books.expectSound()
    }
  }

  @Test func voidedOnce() async throws {
    try await Books.with { books in
      let calls = try await Self.scene(books)
      _ = try await books.writer.post([Books.payment(1, 1_000, books.hold(seconds: 60))])
      let void = try Books.payment(2, nil, .voidPending(Self.id(1)))
      #expect(
        try await books.writer.post([
          void, void, Books.payment(3, nil, .voidPending(Self.id(1))),
          Books.payment(4, nil, .postPending(Self.id(1))),
          Books.payment(5, nil, .voidPending(Self.id(77))),
          Books.payment(6, nil, .voidPending(Self.id(900))),
        ]) == [
          .created, .exists, Self.refused("PENDING_VOIDED"), Self.refused("PENDING_VOIDED"),
          Self.refused("PENDING_UNKNOWN"), Self.refused("PENDING_UNKNOWN"),
        ]
      )
      #expect(try await books.sums("merchant_payable") == [0, 1_000, 0, 0])
      let shown = try #require(try await calls.transaction(2))
      #expect(shown.phase == .voidPending && shown.entries.isEmpty)
      #expect(try await books.count("pending_open") == 0)
      try await books.expectSound()
    }
  }

  /// Two processes that end one hold at once, many times: each hold ends once.
  @Test func racersEndEachHoldOnce() async throws {
    try await Books.with { books in
      let other = books.anotherWriter()
      let hold = books.hold(seconds: 60)
      let holds = try (1...60).map { try Books.payment(UInt128($0), 10, hold) }
      #expect(try await books.writer.post(holds).allSatisfy { $0 == .created })
      let outcomes = try await onLoop(books.loop, count: 6) { caller in
        var outcomes: [PostingOutcome] = []
        let writer = caller % 2 == 0 ? books.writer : other
        for number in 1...60 {
          let action: PostingAction =
            (number + caller) % 3 == 0
            ? .voidPending(Self.id(UInt128(number))) : .postPending(Self.id(UInt128(number)))
          outcomes += try await writer.post([
            Books.payment(UInt128(1_000 * (caller + 1) + number), nil, action)
          ])
        }
        return outcomes
      }.flatMap { $0 }
      #expect(outcomes.count { $0 == .created } == 60)
      #expect(
        outcomes.allSatisfy {
          $0 == .created || $0 == Self.refused("PENDING_POSTED")
            || $0 == Self.refused("PENDING_VOIDED")
        }
      )
      #expect(try await books.count("pending_resolution") == 60)
      #expect(try await books.count("pending_open") == 0)
      try await books.expectSound()
    }
  }

  @Test func timeOutsAreByTheLedgersOwnTime() async throws {
    try await Books.with { books in
      let calls = try await Self.scene(books)
      #expect(
        try await books.writer.post([
          Books.payment(1, 1, books.hold(seconds: 0)), Books.payment(2, 1, books.hold(seconds: -1)),
          Books.payment(3, 1, books.hold(seconds: 367 * 86_400)),
          Books.payment(4, 600, books.hold(seconds: 10)),
          Books.payment(5, 400, books.hold(seconds: 20)),
        ]) == [
          Self.refused("EXPIRY_PASSED"), Self.refused("EXPIRY_PASSED"),
          Self.refused("EXPIRY_TOO_FAR"), .created, .created,
        ]
      )
      // Nobody has looked yet, and nothing is free.
      books.clock.advance(by: .milliseconds(9_999))
      #expect(
        try await books.writer.post([Books.payment(6, 1)])
          == [Self.refused("BALANCE_BELOW_LIMIT")]
      )
      // The next touch releases what is due before it decides.
      books.clock.advance(by: .milliseconds(1))
      #expect(
        try await books.writer.post([
          Books.payment(7, nil, .postPending(Self.id(4))), Books.payment(8, 600),
          Books.payment(9, 1),
        ]) == [
          Self.refused("PENDING_EXPIRED"), .created, Self.refused("BALANCE_BELOW_LIMIT"),
        ]
      )
      #expect(try await books.sums("merchant_payable") == [600, 1_000, 400, 0])
      let expired = try #require(try await calls.transaction(4))
      let row = try await books.database.query(
        """
        select t.actor, t.effective_at, t.subject, t.phase from transaction t
        where t.phase = 4
        """
      ).single()
      #expect(try row[0, as: String.self] == "service:ledger")
      #expect(try row[1, as: Timestamp.self] == expired.expiresAt?.timestamp)
      #expect(try row[2, as: String.self] == "po_1" && !expired.endedBy.isEmpty)
      // What is due again by a clock that was set back stays ended.
      books.clock.advance(by: .seconds(-60))
      #expect(
        try await books.writer.post([Books.payment(10, nil, .voidPending(Self.id(4)))])
          == [Self.refused("PENDING_EXPIRED")]
      )
      // Or the worker, when nobody touches anything.
      books.clock.advance(by: .seconds(120))
      #expect(try await books.writer.expireDue() == 1)
      #expect(try await books.anotherWriter().expireDue() == 0)
      #expect(try await books.sums("merchant_payable") == [600, 1_000, 0, 0])
      try await books.expectSound()
    }
  }

  /// Not once for each of its legs, whatever the plan: the database's clock goes on while it is read.
  @Test func eachIsDueOnceByTheDatabasesClock() async throws {
    try await Books.with { books in
      _ = try await Self.scene(books)
      let holds = try (1...3).map { try Books.payment($0, 10, books.hold(seconds: 60)) }
      #expect(try await books.writer.post(holds) == [.created, .created, .created])
      for setting in ["enable_indexscan", "enable_seqscan", "enable_material"] {
        let due = try await books.database.transaction { transaction in
          _ = try await transaction.query("select set_config(\(setting), 'off', true)")
          return try await transaction.query(BooksStateStore.due(nil))
        }
        #expect(try due.column(as: LedgerTransactionID.self) == [1, 2, 3].map { Self.id($0) })
      }
    }
  }

  /// More holds are due than one batch releases.
  @Test func manyExpireInBoundedBatches() async throws {
    try await Books.with { books in
      let hold = books.hold(seconds: 10)
      let holds = try (1...1_500).map { try Books.payment(UInt128($0), 1, hold) }
      #expect(try await books.writer.post(holds).allSatisfy { $0 == .created })
      #expect(try await books.sums("merchant_payable") == [0, 0, 1_500, 0])
      books.clock.advance(by: .seconds(10))
      #expect(try await books.writer.expireDue() == 1_000)
      #expect(try await books.sums("merchant_payable") == [0, 0, 500, 0])
      #expect(
        try await books.writer.post([Books.payment(2_000, nil, .voidPending(Self.id(1_400)))])
          == [Self.refused("PENDING_EXPIRED")]
      )
      #expect(try await books.sums("merchant_payable") == [0, 0, 0, 0])
      #expect(try await books.writer.expireDue() == 0)
      try await books.expectSound()
    }
  }

  /// What happened is booked, whatever became of the hold, with an alert where they differ.
  @Test func aFactIsBookedWhateverBecameOfItsHold() async throws {
    try await Books.with { books in
      _ = try await Self.scene(books)
      _ = try await books.writer.post([
        Books.payment(1, 100, books.hold(seconds: 10)),
        Books.payment(2, 100, books.hold(seconds: 100)),
      ])
      books.clock.advance(by: .seconds(20))
      let facts = [
        try Books.payment(3, 100, .postPending(Self.id(1)), fact: true),
        try Books.payment(4, 100, .postPending(Self.id(2)), fact: true),
        try Books.payment(5, 2_000, .postPending(Self.id(2)), fact: true),
        try Books.payment(6, 7, .postPending(Self.id(70)), fact: true),
      ]
      #expect(try await books.writer.post(facts) == [.created, .created, .created, .created])
      #expect(try await books.writer.post(facts) == [.exists, .exists, .exists, .exists])
      #expect(try await books.sums("merchant_payable") == [2_207, 1_000, 0, 0])
      let alerts = try await books.database.query(
        "select kind, subject from alert where state = 'open' order by subject"
      )
      #expect(
        try alerts.decode((String, String).self).map { "\($0.0) \($0.1)" }
          == ([3, 5, 6] as [UInt128]).map { "posting_without_hold \(Self.id($0).description)" }
          .sorted()
      )
      try await books.expectSound()
    }
  }

  /// Neither the service nor the owner ends a hold a second time, whoever forgets to ask.
  @Test func theDatabaseEndsEachOnce() async throws {
    try await Books.with { books in
      _ = try await Self.scene(books)
      _ = try await books.writer.post([Books.payment(1, 100, books.hold(seconds: 60))])
      func end(_ id: UInt128) async throws {
        let posting = try Books.payment(id, nil, .voidPending(Self.id(1)))
        let batch = PostingBatch(
          decided: [(posting, .create(posting.posting, ends: true))],
          accounts: AccountDirectory()
        )
        _ = try await books.database.query(batch.statement(recordedAt: nil))
      }
      try await end(2)
      await #expect(throws: PostgresError.self) { try await end(3) }
      #expect(try await books.count("transaction") == 3)
      try await books.expectSound()
    }
  }
}
