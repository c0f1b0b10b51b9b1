import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What anybody changes behind the service's back is found and named.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ProofTests {
  /// A change made as somebody who owns the server: no trigger, no right stands in the way.
  struct Tampering: Sendable, CustomTestStringConvertible {
    var sql: String
    /// "kind batch transaction", the transaction as a number or `-`.
    var found: [String]
    /// Part of what the first finding says.
    var says = ""
    var testDescription: String { sql }
  }

  /// Five batches of two transactions: batch n has 2n − 1 and 2n.
  static func post(_ books: Books) async throws {
    for batch in 1...5 {
      let outcomes = try await books.writer.post([
        Books.posting(UInt128(2 * batch - 1), minor: 100),
        Books.posting(UInt128(2 * batch), "bank:a", minor: 7),
      ])
      #expect(outcomes == [.created, .created])
    }
  }

  static func tamper(_ sql: String) async throws {
    _ = try await TestDatabase.current.run(
      "set session_replication_role = replica; set search_path = ledger; \(sql)"
    )
  }

  static func texts(_ findings: [BooksFinding]) -> [String] {
    findings.map { "\($0.kind.rawValue) \($0.batch) \($0.transaction.map { "\($0.bits)" } ?? "-")" }
  }

  /// The sequence of a transaction.
  static func place(_ id: Int) -> String {
    let digits = String(id, radix: 16)
    let text = String(repeating: "0", count: 32 - digits.count) + digits
    return "(select sequence from movement where id = '\(text)')"
  }

  static let changedTransactions = [
    "subject = 'x'", "kind = 'refund'", "external_reference = ''", "actor = 'nobody'",
    "trace_id = null", "records_fact = true", "merchant_id = id",
    "effective_at = effective_at + interval '1 us'", "batch = 3",
    "id = '00000000-0000-0000-0000-0000000000ff'",
  ].map { change in
    Tampering(
      sql: "update transaction set \(change) where sequence = \(place(3))",
      found: change.hasPrefix("id =")
        ? ["transaction_changed 2 255", "transaction_missing 0 3"] : ["transaction_changed 2 3"]
    )
  }

  static let changedEntries = [
    ("amount_minor = amount_minor + 1", "a column"), ("side = -side", "a column"),
    ("account_id = (select id from account where code = 'bank:a')", "a column"),
    ("currency = 'USD'", "currency: the account's is another"),
    ("currency = 'XXQ'", "currency: unknown"),
    ("merchant_id = account_id", "merchant_id: another merchant"),
    ("submitted_code = 'x'", "a column"), ("effective_at = now()", "effective_at: another time"),
    ("position = position + 5", "entries.position"),
    ("account_id = sequence", "account_id: no such account"),
  ].map { change, says in
    Tampering(
      sql: "update entry set \(change) where sequence = \(place(3))",
      found: ["transaction_changed 2 3"],
      says: says
    )
  }

  static let rows = [
    Tampering(
      sql: "update entry set amount_minor = 1 where sequence = \(place(3)) and side = 1",
      found: ["transaction_changed 2 3"],
      says: "debits less credits are -99 EUR"
    ),
    Tampering(
      sql: "delete from entry where sequence = \(place(3))",
      found: ["transaction_changed 2 3"],
      says: "entries: all are missing"
    ),
    Tampering(
      sql: "delete from entry where sequence = \(place(3)) and side = 1",
      found: ["transaction_changed 2 3"],
      says: "entries.position"
    ),
    Tampering(
      sql: "delete from transaction where sequence = \(place(3))",
      found: ["transaction_missing 2 -", "entry_added 0 -", "transaction_missing 0 3"],
      says: "the row of transaction is missing"
    ),
    Tampering(
      sql: """
        delete from entry where sequence = \(place(3));
        delete from transaction where sequence = \(place(3))
        """,
      found: ["transaction_missing 2 -", "transaction_missing 0 3"]
    ),
    Tampering(
      sql: "delete from movement where sequence = \(place(3))",
      found: ["transaction_changed 2 3"],
      says: "no movement has it"
    ),
    Tampering(
      sql: "update movement set sequence = \(place(4)) where sequence = \(place(3))",
      found: ["transaction_changed 2 3", "transaction_missing 0 3"],
      says: "its movement names another row"
    ),
    Tampering(
      sql: """
        update transaction set sequence = '00000000-0000-0000-0000-000000000001'
          where sequence = \(place(3))
        """,
      found: [
        "transaction_added 0 3", "transaction_missing 2 -", "entry_added 0 -",
        "transaction_missing 0 3",
      ]
    ),
    // One after the last of batch 2, before batch 3.
    Tampering(
      sql: """
        create temporary table moved as select * from transaction where sequence = \(place(4));
        update moved set id = '00000000-0000-0000-0000-0000000000ff',
          sequence = (left(sequence::text, 35) || '9')::uuid;
        insert into transaction select * from moved
        """,
      found: ["transaction_added 0 255"],
      says: "no batch was made with this row"
    ),
    // Behind the last batch.
    Tampering(
      sql: """
        create temporary table moved as select * from transaction where sequence = \(place(10));
        update moved set id = '00000000-0000-0000-0000-0000000000ff',
          sequence = (left(sequence::text, 35) || '9')::uuid;
        insert into transaction select * from moved
        """,
      found: ["transaction_added 0 255"]
    ),
    Tampering(
      sql: """
        create temporary table moved as select * from entry where sequence = \(place(10));
        update moved set sequence = (left(sequence::text, 35) || '9')::uuid;
        insert into entry select * from moved
        """,
      found: ["entry_added 0 -"]
    ),
    Tampering(
      sql: "update account set code = 'bank:b' where code = 'bank:a'",
      found: (1...5).map { "transaction_changed \($0) \(2 * $0)" },
      says: "the account's row is not what its id says"
    ),
  ]

  static let batches = [
    Tampering(
      sql: """
        update batch set number = -1 where number = 2; update batch set number = 2 where number = 3;
        update batch set number = 3 where number = -1
        """,
      found: [
        "batch_out_of_order 2 -", "batch_changed 2 -", "transaction_changed 2 5",
        "transaction_changed 2 6", "batch_out_of_order 3 -", "batch_changed 3 -",
        "transaction_changed 3 3", "transaction_changed 3 4", "batch_out_of_order 4 -",
      ],
      says: "it follows the hash of batch 3"
    ),
    Tampering(
      sql: "update batch set hash = sha256('x') where number = 2",
      found: ["batch_changed 2 -", "batch_out_of_order 3 -"],
      says: "not what its hash covers"
    ),
    Tampering(
      sql: "update batch set previous_hash = sha256('x') where number = 2",
      found: ["batch_out_of_order 2 -", "batch_changed 2 -"],
      says: "a hash that no batch has"
    ),
    Tampering(
      sql: "update batch set recorded_at = recorded_at + interval '1 us' where number = 2",
      found: ["batch_changed 2 -"]
    ),
    Tampering(
      sql: "update batch set transactions = 1, leaves = substr(leaves, 1, 32) where number = 2",
      found: ["batch_changed 2 -", "transaction_added 2 4"]
    ),
    Tampering(
      sql: "update batch set positions = '{0,1}' where number = 2",
      found: ["batch_changed 2 -"]
    ),
    Tampering(
      sql: "delete from batch where number = 2",
      found: ["transaction_added 0 3", "transaction_added 0 4", "batch_missing 2 -"]
    ),
    Tampering(
      sql: """
        delete from entry where sequence in (\(place(9)), \(place(10)));
        delete from transaction where sequence in (\(place(9)), \(place(10)));
        delete from movement where id in ('00000000-0000-0000-0000-000000000009',
          '00000000-0000-0000-0000-00000000000a');
        delete from batch where number = 5
        """,
      found: ["batch_missing 5 -"],
      says: "balances were posted by batches up to 5"
    ),
  ]

  @Test(arguments: changedTransactions + changedEntries + rows + batches)
  func isFoundAndNamed(_ tampering: Tampering) async throws {
    try await Books.with { books in
      try await Self.post(books)
      try await Self.expect(tampering, books)
    }
  }

  /// Nothing is found before, and exactly this afterwards.
  static func expect(_ tampering: Tampering, _ books: Books) async throws {
    #expect(try await books.findings() == [])
    try await tamper(tampering.sql)
    let findings = try await books.findings()
    #expect(texts(findings) == tampering.found)
    #expect(
      tampering.says.isEmpty || findings.first?.what.contains(tampering.says) == true,
      "\(findings.first?.what ?? "")"
    )
  }

  /// Whoever rewrites every hash, or cuts the end off without a trace, still meets what an earlier
  /// check saw.
  @Test func anEarlierHeadIsMissed() async throws {
    try await Books.with { books in
      try await Self.post(books)
      let calls = try LedgerCalls(books)
      #expect(try await ProofKeeper(calls.environment).work() == 2)
      try await Self.tamper(
        """
        delete from entry where sequence in (\(Self.place(9)), \(Self.place(10)));
        delete from transaction where sequence in (\(Self.place(9)), \(Self.place(10)));
        delete from movement where id in ('00000000-0000-0000-0000-000000000009',
          '00000000-0000-0000-0000-00000000000a');
        delete from batch where number = 5;
        update balance set batch = 4
        """
      )
      #expect(Self.texts(try await books.findings()) == ["head_lost 5 -"])
    }
  }

  @Test func whatOnlySomeOfABatchCreatedIsIntact() async throws {
    try await Books.with { books in
      try await Self.post(books)
      let outcomes = try await books.writer.post([
        Books.posting(1), Books.posting(20), Books.posting(21, "cash:drawer"), Books.posting(22),
        Books.posting(22),
      ])
      #expect(
        outcomes == [
          .exists, .created, .rejected(reason: "ACCOUNT_UNKNOWN"), .created, .exists,
        ]
      )
      let positions = try await books.database.query("select positions from batch where number = 6")
      #expect(try positions.single()[0, as: [Int32].self] == [1, 3])
      try await books.expectSound()
      try await Self.tamper(
        "update transaction set subject = 'x' where sequence = \(Self.place(22))"
      )
      #expect(Self.texts(try await books.findings()) == ["transaction_changed 6 22"])
    }
  }

  /// What the release before wrote stays provable: its batches by themselves.
  @Test func olderBatchesAreStillVerified() async throws {
    try await Books.with { books in
      try await Self.postAsBefore(id: 101, batch: 1)
      try await Self.postAsBefore(id: 102, batch: 2)
      _ = try await books.writer.post([Books.posting(103), Books.posting(104)])
      try await Self.postAsBefore(id: 105, batch: 4)
      _ = try await books.writer.post([Books.posting(106)])
      let formats = try await books.database.query("select format from batch order by number")
      #expect(try formats.column(as: Int16.self) == [1, 1, 2, 1, 2])
      #expect(try await books.findings() == [])
      #expect(try await books.drift() == [])
      try await Self.tamper("update transaction set subject = 'x' where batch = 2")
      #expect(Self.texts(try await books.findings()) == ["batch_changed 2 -"])
    }
  }

  @Test func pagesGoThroughEverything() async throws {
    try await Books.with { books in
      for batch in 1...70 { _ = try await books.writer.post([Books.posting(UInt128(batch))]) }
      try await Self.tamper("update transaction set subject = 'x' where batch in (64, 65)")
      let calls = try LedgerCalls(books)
      let first = try await calls.verify()
      #expect(first.batches == 64 && first.nextPageToken == "batch/64" && first.headBatch == 64)
      #expect(first.findings.map(\.batch) == [64])
      let second = try await calls.verify(first.nextPageToken)
      #expect(second.batches == 6 && second.findings.map(\.batch) == [65])
      #expect(second.findings[0].kind == "transaction_changed")
      let third = try await calls.verify(second.nextPageToken)
      #expect(third.batches == 0 && third.headBatch == 70 && third.headHash.utf8.count == 64)
      let last = try await calls.verify(third.nextPageToken)
      #expect(last.movements == 70 && last.nextPageToken.isEmpty)
      for token in ["x", "batch/0", "batch/x", "movement/1", "batch/1/2"] {
        #expect(await calls.reason { try await calls.verify(token) } == "PAGE_TOKEN_INVALID")
        #expect(await calls.reason { try await calls.drift(token) } == "PAGE_TOKEN_INVALID")
      }
      #expect(try await books.count("alert") == 2)
    }
  }

  /// `post_batch` as the release before calls it: one transaction, its hashes computed there.
  private static func postAsBefore(id: Int, batch: Int) async throws {
    let recorded = RecordedTransaction(
      sequence: UInt128(1_768_478_400_000 + UInt64(batch) * 10) << 80 | UInt128(id) << 32,
      id: LedgerTransactionID(bits: UInt128(id)),
      merchant: Books.merchant,
      kind: "capture",
      effectiveAtMicroseconds: 1_768_478_400_000_000,
      recordsFact: true,
      subject: "",
      externalReference: "",
      actor: "a",
      legs: try [("bank:old", Side.debit), ("merchant_payable", Side.credit)].map { code, side in
        guard let currency = Currency("EUR") else { throw TestSetupError("no EUR") }
        return RecordedTransaction.Leg(
          account: AccountKey(merchant: Books.merchant, code: code, currency: currency).id,
          side: side,
          currency: currency,
          amountMinor: 5,
          submittedCode: nil
        )
      }
    )
    func uuid(_ bits: UInt128) -> String { "'\(BookSequence(bits))'::uuid" }
    let accounts = recorded.legs.map { uuid($0.account.bits) }.joined(separator: ", ")
    let merchant = uuid(Books.merchant.bits)
    let leaf = hex(recorded.leafBytes(.unordered))
    _ = try await TestDatabase.current.run(
      """
      set role ledger_owner; set search_path = ledger;
      select * from post_batch(0::smallint,
        timestamptz '2026-01-15 12:00:00Z' + interval '\(batch * 10) ms',
        array[\(uuid(recorded.id.bits))], array[\(uuid(recorded.sequence))], array[\(merchant)],
        array[timestamptz '2026-01-15 12:00:00Z'], array[true], array['capture'], array[''],
        array[''], array['a'], array[null::bytea], array[sha256('\\x\(leaf)'::bytea)],
        array[null::text], array[1, 1], array[0, 1]::smallint[], array[1, 2],
        array[1, -1]::smallint[], array[5, 5]::bigint[], array['EUR', 'EUR'],
        array[null, null]::text[], array[\(accounts)], array[\(accounts)],
        array[\(merchant), \(merchant)], array[false, false],
        array['bank:old', 'merchant_payable'], array['EUR', 'EUR'], array['asset', 'liability'],
        array[1, -1]::smallint[], array['a', 'a'])
      """
    )
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
