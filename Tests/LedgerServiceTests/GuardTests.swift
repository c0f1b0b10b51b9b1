import LedgerCore
import LedgerService
import Money
import Postgres
import TestSupport
import Testing

/// What the database itself refuses, to the service and to everybody.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct GuardTests {
  static let tables = [
    "account", "balance", "movement", "transaction", "entry", "batch", "rejection",
    "account_limit", "account_closing", "pending_entry", "pending_open",
    "pending_resolution", "reversal",
  ]
  /// What is derived from the others, and changes with them.
  static let derived = ["balance", "pending_open"]

  /// A row in every table.
  private static func fill(_ books: Books) async throws {
    _ = try await LedgerCalls(books).setLimits("bank:a", minimum: -1_000)
    try await LedgerCalls(books).setClosed(false, "bank:a")
    let hold = books.hold(seconds: 60)
    let outcomes = try await books.writer.post([
      Books.posting(1), Books.posting(2, "cash:drawer"), Books.payment(3, 5, hold),
      Books.payment(4, 5, hold), Books.payment(5, nil, .voidPending(LedgerTransactionID(bits: 4))),
      Books.payment(6, nil, .reverse(LedgerTransactionID(bits: 1)), kind: "reversal"),
    ])
    #expect(outcomes.count { $0 == .created } == 5)
  }

  @Test func theServiceCannotWriteTheBooks() async throws {
    try await Books.with { books in
      try await Self.fill(books)
      for table in Self.tables {
        for change in [
          "update \(table) set shard = 1", "delete from \(table)", "truncate \(table)",
          "insert into \(table) select * from \(table)", "drop table \(table)",
        ] {
          await #expect(throws: PostgresError.self, "\(change)") {
            _ = try await books.database.query(Statement(sql: change))
          }
        }
        #expect(try await books.database.query(Statement(sql: "select 1 from \(table)")).count >= 0)
      }
      do {
        _ = try await books.database.query("update entry set amount_minor = 1")
        Issue.record("updated")
      } catch let error as PostgresError {
        #expect(error.sqlState == .insufficientPrivilege)
      }
      try await books.expectSound()
    }
  }

  @Test func anotherSchemaIsClosed() async throws {
    try await Books.with { books in
      let test = try TestDatabase.current
      try await test.run("create schema vault; create table vault.secret (a int)")
      do {
        _ = try await books.database.query("select * from vault.secret")
        Issue.record("read")
      } catch let error as PostgresError {
        #expect(error.sqlState == .insufficientPrivilege)
      }
    }
  }

  @Test func noteventheOwnerChangesWhatIsBooked() async throws {
    try await Books.with { books in
      try await Self.fill(books)
      let test = try TestDatabase.current
      for table in Self.tables where !Self.derived.contains(table) {
        for change in [
          "update \(table) set shard = 1", "delete from \(table)", "truncate \(table)",
        ] {
          await #expect(throws: (any Error).self, "\(change)") {
            try await test.run("set role ledger_owner; set search_path = ledger; \(change)")
          }
        }
      }
      await #expect(throws: (any Error).self) {
        try await test.run("set search_path = ledger; delete from balance")
      }
      await #expect(throws: (any Error).self, "one leg") {
        try await test.run(
          """
          set search_path = ledger;
          insert into entry (shard, position, side, currency, amount_minor, sequence, account_id,
            merchant_id)
          select shard, 9, side, currency, amount_minor, sequence, account_id, merchant_id
          from entry where side = 1
          """
        )
      }
      await #expect(throws: (any Error).self, "one held leg") {
        try await test.run(
          """
          set search_path = ledger;
          insert into pending_entry (shard, position, side, currency, amount_minor, sequence,
            account_id, merchant_id, effective_at)
          select shard, 9, side, currency, amount_minor, sequence, account_id, merchant_id,
            effective_at
          from pending_entry where side = 1
          """
        )
      }
      try await books.expectSound()
    }
  }

  @Test func partitionsAreMadeAhead() async throws {
    try await Books.with { books in
      func made(_ time: Int64) async throws -> Int32 {
        try await books.database.query(
          "select make_partitions(\(Timestamp(seconds: time)), \(Int32(2)))"
        ).single()[0, as: Int32.self]
      }
      // December 2030: three months of three tables.
      #expect(try await made(1_924_000_000) == 9)
      #expect(try await made(1_924_000_000) == 0)
      books.clock.set(Timestamp(seconds: 1_924_000_000))
      _ = try await books.writer.post([try Books.posting(1)])
      let place = try await books.database.query("select tableoid::regclass::text from entry")
      #expect(try place.column(as: String.self) == ["entry_203012", "entry_203012"])
      try await books.expectSound()
    }
  }
}
