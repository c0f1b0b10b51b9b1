import FoundationEssentials
import LedgerCore
import Money
import Postgres
import Reactor
import Seal
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What a sealed day still gets, and what the database itself refuses.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct SealedDayTests {
  // MARK: What a sealed day gets

  @Test func factsAreBookedInTheOpenDayAndNothingElseTakesEffect() async throws {
    try await DaySealTests.with(days: 1) { books, calls, _ in
      try await calls.tellAll()
      let late = Timestamp(DaySealTests.first) + .seconds(43_200)
      let hold = books.hold(seconds: 90)
      // Before it is sealed, whatever takes effect in it is booked.
      let before = try await books.writer.post([
        Books.posting(100, effectiveAt: late), Books.payment(101, 5, hold),
      ])
      #expect(before == [.created, .created])
      #expect(try await calls.seal()?.number == 1)
      let outcomes = try await books.writer.post([
        Books.posting(102, effectiveAt: late),
        Books.posting(103, effectiveAt: late, fact: true),
        Books.posting(104, effectiveAt: DaySealRule.end(of: DaySealTests.first)),
        Books.posting(105, effectiveAt: Timestamp(seconds: 0)),
        Books.posting(100, effectiveAt: late),
      ])
      let refused = PostingOutcome.rejected(reason: "DAY_SEALED")
      #expect(outcomes == [refused, .created, .created, refused, .exists])
      // By itself too, and when it depends on the books anyway.
      #expect(try await books.writer.post([Books.posting(106, effectiveAt: late)]) == [refused])
      let others = try await books.writer.post([
        Books.payment(107, 5, books.hold(seconds: 90)),
        Books.payment(108, nil, .voidPending(LedgerTransactionID(bits: 101))),
        Books.payment(109, nil, .reverse(LedgerTransactionID(bits: 1)), kind: "reversal"),
      ])
      #expect(others == [refused, refused, refused])
      // It stays refused, whatever else it says the next time.
      let again = try await books.writer.post([
        Books.posting(102, effectiveAt: DaySealRule.end(of: DaySealTests.first))
      ])
      #expect(again == [refused])
      let fact = try await books.database.query(
        """
        select t.effective_at, b.recorded_at from movement m
        join transaction t on t.shard = m.shard and t.sequence = m.sequence
        join batch b on b.shard = t.shard and b.number = t.batch
        where m.id = \(LedgerTransactionID(bits: 103))
        """
      ).single()
      #expect(try fact[0, as: Timestamp.self] == late)
      #expect(try fact[1, as: Timestamp.self] >= DaySealRule.end(of: DaySealTests.first))
      try await books.expectSound()
    }
  }

  /// That a hold's time is over is nobody's wish: its end takes effect when it was, sealed or not.
  @Test func aHoldMayEndInASealedDay() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      let held = try await books.writer.post([Books.payment(1, 5, books.hold(seconds: 60))])
      #expect(held == [.created])
      books.clock.advance(by: .seconds(86_400))
      #expect(try await books.writer.post([Books.posting(2, fact: true)]) == [.created])
      try await calls.tellAll()
      #expect(try await calls.seal()?.transactionCount == 1)
      #expect(try await books.writer.expireDue() == 1)
      let effective = try await books.database.query(
        "select effective_at < sealed_until() from transaction where phase = 4"
      ).single()
      #expect(try effective[0, as: Bool.self])
      try await books.expectSound()
    }
  }

  /// A clock that is set back brings nothing into a sealed day; what has happened is booked all the same,
  /// at the day's end.
  @Test func nothingIsRecordedInASealedDay() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      _ = try await books.writer.post([Books.posting(1, fact: true)])
      try await calls.tellAll()
      #expect(try await calls.seal()?.number == 1)
      books.clock.advance(by: .seconds(60))
      // As a whole, and item by item.
      #expect(try await books.writer.post([Books.posting(2, fact: true)]) == [.created])
      let decided = try await books.writer.post([Books.posting(3), Books.posting(4, fact: true)])
      #expect(decided == [.rejected(reason: "DAY_SEALED"), .created])
      let end = DaySealRule.end(of: DaySealTests.first)
      let times = try await books.database.query("select recorded_at from batch order by number")
        .column(as: Timestamp.self)
      #expect(times.count == 3 && times.dropFirst().allSatisfy { $0 == end }, "\(times)")
      #expect(try await books.findings() == [])
      // Whoever writes it otherwise does not get in.
      await #expect(throws: (any Error).self) {
        try await TestDatabase.current.run(
          """
          insert into ledger.batch (shard, number, transactions, first_sequence, last_sequence,
            recorded_at, previous_hash, hash, format)
          select 5, 1, 0, last_sequence, last_sequence, recorded_at, previous_hash, hash, 1
          from ledger.batch where number = 1
          """
        )
      }
    }
  }

  // MARK: The database's own guards

  @Test func aSealFollowsTheOneBeforeAndStays() async throws {
    try await DaySealTests.with(days: 2) { books, calls, _ in
      try await calls.tellAll()
      _ = try await calls.seal()
      let last = try SealStore.decode(try await books.database.query(SealStore.last).single())
      func insert(
        _ number: Int64,
        _ day: CivilDate,
        previous: [UInt8],
        root: [UInt8]
      ) async -> SQLState? {
        do {
          _ = try await books.database.query(
            """
            insert into day_seal (number, day, previous_root, root, document, actor)
            values (\(number), \(day), \(previous), \(root), 'x', 'test')
            """
          )
          return nil
        } catch {
          return error.sqlState
        }
      }
      let (second, root) = (DaySealTests.first.next, SHA256.hash("x"))
      let wrong = SQLState("23001")
      #expect(await insert(3, second, previous: last.record.root, root: root) == wrong)
      #expect(await insert(2, second.next, previous: last.record.root, root: root) == wrong)
      #expect(await insert(2, second, previous: DaySeal.origin, root: root) == wrong)
      #expect(await insert(2, second, previous: last.record.root, root: SHA256.hash("y")) == wrong)
      for change in ["update day_seal set actor = 'x'", "delete from day_seal", "truncate day_seal"] {
        await #expect(throws: PostgresError.self, "\(change)") {
          _ = try await books.database.query(Statement(sql: change))
        }
        await #expect(throws: (any Error).self, "\(change)") {
          try await TestDatabase.current.run(
            "set role ledger_owner; set search_path = ledger; \(change)"
          )
        }
      }
      #expect(try await books.findings() == [])
      #expect(await insert(2, second, previous: last.record.root, root: root) == nil)
      #expect(try await books.findings().map(\.kind) == [.sealChanged])
    }
  }
}
