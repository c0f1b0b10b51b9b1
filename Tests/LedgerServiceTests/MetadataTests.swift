import LedgerCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Metadata comes back as it was given, is part of what a transaction is, and is proven.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct MetadataTests {
  /// All that an array's text in SQL could be mistaken in.
  private static let awkward = [
    "card", "", "NULL", "null", "{", "}", "{a,b}", ",", "\"", "\\", "\\\"", " a ", "a\nb", "\u{e9}",
    "e\u{301}", "\u{1F600}", "a=b; c",
  ]

  private static func posting(
    _ id: UInt128,
    _ pairs: [(String, String)],
    fact: Bool = false
  ) throws -> PendingPosting {
    var posting = try Books.posting(id, subject: "pi_1", fact: fact)
    var command = posting.posting.command
    command.metadata = TransactionMetadata(pairs.map { (key: $0.0, value: $0.1) })
    posting.posting = try PostingRules.check(command)
    return posting
  }

  private static func text(_ entries: [CommonV1.MetadataEntry]) -> [String] {
    entries.map { "\($0.key)=\($0.value)" }
  }

  @Test func isShownWhereverTheTransactionIs() async throws {
    try await Books.with { books in
      let pairs = Self.awkward.enumerated().map { place, value in
        ("k_\(place < 10 ? "0" : "")\(place)", value)
      }
      let outcomes = try await books.writer.post([
        Self.posting(1, pairs.reversed()), Books.posting(2, subject: "pi_1"),
      ])
      #expect(outcomes == [.created, .created])
      let expected = [pairs.map { "\($0.0)=\($0.1)" }, []]
      let calls = try LedgerCalls(books)
      let shown = try await calls.transaction(1)
      // Byte for byte: texts that look alike are not the same.
      #expect(shown?.metadata.map { Array($0.value.utf8) } == pairs.map { Array($0.1.utf8) })
      #expect(try await calls.transactions(about: "pi_1").map { Self.text($0.metadata) } == expected)
      #expect(
        try await calls.entries("merchant_payable").entries.map { Self.text($0.metadata) } == expected
      )
      try await books.expectSound()
    }
  }

  /// Whatever way the batch went: as one statement, or decided item by item.
  @Test func isPartOfWhatATransactionIs() async throws {
    try await Books.with { books in
      let one = [("payment_method", "card"), ("order", "7")]
      for hold: UInt128? in [nil, 50] {
        let first: UInt128 = hold ?? 1
        var items = [try Self.posting(first, one), try Books.posting(first + 1, subject: "pi_1")]
        if hold != nil { items.append(try Books.payment(90, 5, books.hold(seconds: 60))) }
        #expect(try await books.writer.post(items).allSatisfy { $0 == .created })
        var again = [
          try Self.posting(first, one.reversed()), try Self.posting(first, [("order", "7")]),
          try Self.posting(first, [("payment_method", "card"), ("order", "8")]),
          try Self.posting(first, []), try Self.posting(first + 1, one),
        ]
        if hold != nil { again.append(try Books.payment(91, 5, books.hold(seconds: 60))) }
        let differs = PostingOutcome.differs("metadata")
        let outcomes = try await books.writer.post(again)
        #expect(Array(outcomes.prefix(5)) == [.exists, differs, differs, differs, differs])
      }
      let formats = try await books.database.query("select format from batch order by number")
      #expect(try formats.column(as: Int16.self) == [4, 4, 3])
      try await books.expectSound()
    }
  }

  @Test func isRefusedBeyondItsLimits() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      func command(_ id: UInt128, _ keys: [String], fact: Bool) -> LedgerV1.PostingCommand {
        LedgerV1.PostingCommand(
          transactionID: LedgerTransactionID(bits: id).description,
          merchantID: Books.merchant.description,
          kind: "capture",
          entries: [("gateway_clearing:stripe:a", LedgerV1.NormalSide.debit), ("bank:a", .credit)]
            .map { code, side in
              LedgerV1.Entry(
                accountCode: code,
                side: side,
                amount: CommonV1.Money(currency: "EUR", amountMinor: 1)
              )
            },
          effectiveAt: GoogleProtobuf.Timestamp(books.clock.now),
          recordsFact: fact,
          metadata: keys.map { CommonV1.MetadataEntry(key: $0, value: "x") }
        )
      }
      let results = try await calls.post([
        command(1, ["a", "a"], fact: false), command(2, ["A"], fact: true),
        command(3, ["a", "b"], fact: true),
      ])
      #expect(results.map(\.reason) == ["METADATA_INVALID", "METADATA_INVALID", ""])
      // What has happened is missing from the books; nothing is remembered of who asked.
      #expect(try await books.count("alert") == 1)
      #expect(try await books.count("rejection") == 0)
      #expect(try await books.count("transaction") == 1)
    }
  }

  /// Books without metadata are written as they were: the same formats, and nothing more to store.
  @Test func whoHasNoneCostsNothing() async throws {
    try await Books.with { books in
      _ = try await books.writer.post([Books.posting(1), Books.posting(2)])
      _ = try await books.writer.post([Self.posting(3, [("a", "b")]), Books.posting(4)])
      let rows = try await books.database.query(
        """
        select b.format, t.metadata_keys is null and t.metadata_values is null, pg_column_size(t.*)
        from transaction t join batch b on b.shard = t.shard and b.number = t.batch
        order by t.sequence
        """
      )
      #expect(try rows.column(as: Int16.self) == [2, 2, 4, 4])
      #expect(try rows.map { try $0[1, as: Bool.self] } == [true, true, false, true])
      let sizes = try rows.map { try $0[2, as: Int32.self] }
      #expect(sizes[0] == sizes[1] && sizes[1] == sizes[3] && sizes[2] > sizes[3], "\(sizes)")
    }
  }

  // MARK: Proof

  private static let changes: [(sql: String, id: Int)] = [
    ("metadata_values[1] = '8'", 1), ("metadata_keys[1] = 'orders'", 1),
    ("metadata_keys = '{payment_method,order}', metadata_values = '{card,7}'", 1),
    ("metadata_keys = '{order}', metadata_values = '{7}'", 1),
    ("metadata_keys = null, metadata_values = null", 1),
    // Of what had none, beside one that had and by itself.
    ("metadata_keys = '{order}', metadata_values = '{7}'", 2),
    ("metadata_keys = '{order}', metadata_values = '{7}'", 3),
  ]

  static let changed: [ProofTests.Tampering] = changes.map { sql, id in
    ProofTests.Tampering(
      sql: "update transaction set \(sql) where sequence = \(ProofTests.place(id))",
      found: ["transaction_changed \(id < 3 ? 1 : 2) \(id)"],
      says: "a column of the transaction"
    )
  }

  static let contradicting = ProofTests.Tampering(
    sql: """
      alter table transaction drop constraint transaction_metadata;
      update transaction set metadata_values = '{7}' where sequence = \(ProofTests.place(1))
      """,
    found: ["transaction_changed 1 1"],
    says: "metadata_keys, metadata_values: they contradict each other"
  )

  /// More than a leaf can count.
  static let overflowing = ProofTests.Tampering(
    sql: """
      alter table transaction drop constraint transaction_metadata;
      update transaction set metadata_keys = array_fill('a'::text, array[65536]),
        metadata_values = array_fill(''::text, array[65536])
      where sequence = \(ProofTests.place(1))
      """,
    found: ["transaction_changed 1 1"],
    says: "or are too many"
  )

  @Test(arguments: changed + [contradicting, overflowing])
  func isFoundAndNamed(_ tampering: ProofTests.Tampering) async throws {
    try await Books.with { books in
      _ = try await books.writer.post([
        Self.posting(1, [("payment_method", "card"), ("order", "7")]), Books.posting(2),
      ])
      _ = try await books.writer.post([Books.posting(3)])
      try await ProofTests.expect(tampering, books)
    }
  }
}
