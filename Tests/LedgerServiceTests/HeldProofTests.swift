import LedgerCore
import LedgerService
import Money
import TestSupport
import Testing

/// What anybody changes of what was held, ended or taken back is found and named too.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct HeldProofTests {
  /// 1 is held, 2 is held and posted by 3, 4 is held and voided by 5, 6 is booked and taken back by 7:
  /// batches 1 to 3.
  private static func extend(_ books: Books) async throws {
    let hold = books.hold(seconds: 60)
    func other(_ id: UInt128) -> LedgerTransactionID { LedgerTransactionID(bits: id) }
    for batch in [
      [
        try Books.payment(1, 5, hold), try Books.payment(2, 6, hold), try Books.payment(4, 7, hold),
      ],
      [
        try Books.payment(3, nil, .postPending(other(2))),
        try Books.payment(5, nil, .voidPending(other(4))), try Books.payment(6, 8),
      ],
      [try Books.payment(7, nil, .reverse(other(6)), kind: "reversal")],
    ] {
      #expect(try await books.writer.post(batch).allSatisfy { $0 == .created })
    }
  }

  static let extended = [
    ProofTests.Tampering(
      sql:
        "update transaction set expires_at = expires_at + interval '1 us' where phase = 1 and \(of(1))",
      found: ["transaction_changed 1 1"],
      says: "a column"
    ),
    ProofTests.Tampering(
      sql: "update transaction set phase = 4 where \(of(5))",
      found: ["transaction_changed 1 4", "transaction_changed 2 5"],
      says: "pending_resolution: of a transaction that does not end it"
    ),
    ProofTests.Tampering(
      sql: "update transaction set phase = null, pending_id = null where \(of(3))",
      found: ["transaction_changed 1 2", "transaction_changed 2 3"]
    ),
    ProofTests.Tampering(
      sql: "update transaction set reverses = null where \(of(7))",
      found: ["transaction_changed 2 6", "transaction_changed 3 7"],
      says: "reversal: of a transaction that does not take it back"
    ),
    ProofTests.Tampering(
      sql: "delete from reversal",
      found: ["transaction_changed 3 7"],
      says: "reversal: not this transaction's"
    ),
    ProofTests.Tampering(
      sql: "delete from pending_resolution where phase = 3",
      found: ["transaction_changed 1 4", "transaction_changed 2 5"],
      says: "pending_open: 0 legs instead of 2"
    ),
    ProofTests.Tampering(
      sql: "update pending_resolution set sequence = \(ProofTests.place(6)) where phase = 3",
      found: ["transaction_changed 1 4", "transaction_changed 2 5"]
    ),
    ProofTests.Tampering(
      sql: """
        insert into pending_resolution select shard, id, sequence, merchant_id, 3 from transaction
          where \(of(1))
        """,
      found: ["transaction_changed 1 1"],
      says: "pending_open: 2 legs instead of 0"
    ),
    ProofTests.Tampering(
      sql: "delete from pending_open",
      found: ["transaction_changed 1 1"],
      says: "pending_open: 0 legs instead of 2"
    ),
    ProofTests.Tampering(
      sql: "update pending_entry set amount_minor = 9 where sequence = \(ProofTests.place(1))",
      found: ["transaction_changed 1 1"],
      says: "a column"
    ),
    ProofTests.Tampering(
      sql: """
        insert into entry (shard, position, side, currency, amount_minor, sequence, account_id,
            merchant_id, effective_at)
          select shard, position, side, currency, amount_minor, sequence, account_id, merchant_id,
            effective_at from pending_entry where sequence = \(ProofTests.place(1));
        delete from pending_entry where sequence = \(ProofTests.place(1))
        """,
      found: ["transaction_changed 1 1"],
      says: "as if it had moved"
    ),
    ProofTests.Tampering(
      sql: "delete from transaction where \(of(1))",
      found: ["transaction_missing 1 -", "entry_added 0 -", "transaction_missing 0 1"]
    ),
    ProofTests.Tampering(
      sql: "update batch set format = 2 where number = 1",
      found: ["batch_changed 1 -"]
    ),
  ]

  /// A condition on the row of a transaction.
  private static func of(_ id: Int) -> String { "sequence = \(ProofTests.place(id))" }

  @Test(arguments: extended)
  func isFoundAndNamed(_ tampering: ProofTests.Tampering) async throws {
    try await Books.with { books in
      try await Self.extend(books)
      try await ProofTests.expect(tampering, books)
    }
  }
}
