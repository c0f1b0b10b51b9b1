import LedgerCore
import LedgerService
import Money
import Postgres
import TestSupport
import Testing

@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct PostingTests {
  @Test func postsOnceAndTellsRepetitions() async throws {
    try await Books.with { books in
      let capture = try Books.posting(1, minor: 4_999)
      #expect(try await books.writer.post([capture]) == [.created])
      #expect(try await books.writer.post([capture]) == [.exists])
      #expect(try await books.anotherWriter().post([capture]) == [.exists])
      #expect(
        try await books.writer.post([Books.posting(1, minor: 5_000)])
          == [.differs("entries.amount.amount_minor")]
      )
      #expect(
        try await books.writer.post([Books.posting(1, minor: 4_999, kind: "refund")])
          == [.differs("kind")]
      )
      #expect(try await books.balance("gateway_clearing:stripe:a") == 4_999)
      #expect(try await books.balance("merchant_payable") == -4_999)
      #expect(try await books.count("transaction") == 1)
      try await books.expectSound()
    }
  }

  @Test func eachItemOfABatchStandsAlone() async throws {
    try await Books.with { books in
      _ = try await books.writer.post([try Books.posting(1)])
      let outcomes = try await books.writer.post([
        Books.posting(2), Books.posting(1), Books.posting(2), Books.posting(2, minor: 7),
        Books.posting(3, "cash:drawer"), Books.posting(4, currency: "JPY"),
        Books.posting(5, kind: "gift"),
      ])
      #expect(
        outcomes == [
          .created, .exists, .exists, .differs("entries.amount.amount_minor"),
          .rejected(reason: "ACCOUNT_UNKNOWN"), .created, .rejected(reason: "KIND_UNKNOWN"),
        ]
      )
      #expect(try await books.count("transaction") == 3)
      try await books.expectSound()
    }
  }

  /// A refusal is for ever, unless what was refused turns out to have happened.
  @Test func aRefusedIdStaysRefusedButAFactIsBooked() async throws {
    try await Books.with { books in
      #expect(
        try await books.writer.post([Books.posting(1, "cash:drawer")])
          == [.rejected(reason: "ACCOUNT_UNKNOWN")]
      )
      #expect(
        try await books.writer.post([Books.posting(1)]) == [.rejected(reason: "ACCOUNT_UNKNOWN")]
      )
      #expect(try await books.writer.post([Books.posting(1, fact: true)]) == [.created])
      #expect(try await books.writer.post([Books.posting(1)]) == [.exists])
      try await books.expectSound()
    }
  }

  /// Group commit puts calls that follow each other into one batch: that changes no answer.
  @Test func aRetryInTheSameBatchStaysRefused() async throws {
    try await Books.with { books in
      let outcomes = try await books.writer.post([
        Books.posting(1, "cash:drawer"), Books.posting(1), Books.posting(1, kind: "gift"),
        Books.posting(1, fact: true), Books.posting(1),
      ])
      let refusal = PostingOutcome.rejected(reason: "ACCOUNT_UNKNOWN")
      #expect(outcomes == [refusal, refusal, refusal, .created, .exists])
      #expect(try await books.count("rejection") == 1)
      try await books.expectSound()
    }
  }

  @Test func factsGoToSuspenseWithAnAlert() async throws {
    try await Books.with { books in
      let fact = try Books.posting(1, "cash:drawer", minor: 30, kind: "gift", fact: true)
      #expect(try await books.writer.post([fact]) == [.created])
      #expect(try await books.balance(ChartOfAccounts.suspenseCode) == 30)
      #expect(try await books.count("alert") == 2)
      // The same fact again is the same, although it lies elsewhere than it says.
      #expect(try await books.writer.post([fact]) == [.exists])
      #expect(
        try await books.writer.post([
          Books.posting(1, "cash:box", minor: 30, kind: "gift", fact: true)
        ]) == [.differs("entries.account_code")]
      )
      try await books.expectSound()
    }
  }

  /// One posting that breaks a balance's range fails alone.
  @Test func anOverflowIsIsolated() async throws {
    try await Books.with { books in
      let most = Int64.max - 50
      #expect(try await books.writer.post([Books.posting(1, minor: most)]) == [.created])
      let outcomes = try await books.writer.post([
        Books.posting(2, minor: 10), Books.posting(3, minor: 100), Books.posting(4, minor: 20),
      ])
      #expect(outcomes == [.created, .rejected(reason: "OVERFLOW"), .created])
      #expect(try await books.balance("merchant_payable") == -(most + 30))
      try await books.expectSound()
    }
  }

  /// Many callers, overlapping ids, two writers: every id once, and the sums fit.
  @Test func concurrentCallersBookEachMovementOnce() async throws {
    try await Books.with { books in
      let other = books.anotherWriter()
      let outcomes = try await onLoop(books.loop, count: 64) { caller in
        try await Self.postSome(books.writer, other, seed: Seed.current &+ UInt64(caller))
      }.flatMap { $0 }
      #expect(outcomes.allSatisfy { $0 == .created || $0 == .exists })
      let created = outcomes.count { $0 == .created }
      let transactions = try await books.count("transaction")
      #expect(Int64(created) == transactions)
      let ids = try await books.database.query("select id from transaction")
        .column(as: LedgerTransactionID.self)
      let expected = ids.reduce(Int64(0)) { $0 + Int64($1.bits) }
      #expect(try await books.balance("merchant_payable") == -expected)
      try await books.expectSound()
    }
  }

  /// Ten calls of five movements out of 400, each at one of the writers.
  private static func postSome(
    _ first: BatchWriter,
    _ second: BatchWriter,
    seed: UInt64
  ) async throws -> [PostingOutcome] {
    var random = SeededRandom(seed: seed)
    var outcomes: [PostingOutcome] = []
    for _ in 0..<10 {
      var items: [PendingPosting] = []
      for _ in 0..<5 {
        let id = UInt128(random.next() % 400) + 1
        items.append(
          try Books.posting(id, "gateway_clearing:stripe:a\(id % 7)", minor: Int64(id))
        )
      }
      outcomes += try await (random.next() % 2 == 0 ? first : second).post(items)
    }
    return outcomes
  }

  @Test func theLargestBatchAndOneMore() async throws {
    try await Books.with { books in
      let items = try (1...8_000).map { try Books.posting(UInt128($0)) }
      let outcomes = try await books.writer.post(items)
      #expect(outcomes.allSatisfy { $0 == .created })
      #expect(try await books.writer.post(items).allSatisfy { $0 == .exists })
      await #expect(throws: (any Error).self) {
        _ = try await books.writer.post(items + [Books.posting(8_001)])
      }
      #expect(try await books.balance("merchant_payable") == -800_000)
      try await books.expectSound()
    }
  }
}
