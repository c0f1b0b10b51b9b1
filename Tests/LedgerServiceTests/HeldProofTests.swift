import LedgerCore
import LedgerService
import Money
import TestSupport
import Testing

/// What anybody changes of what was held, ended or taken back is found and named too.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct HeldProofTests {
  /// 1 is held, 2 is held and posted by 3, 4 is held and voided by 5, 6 is booked and taken back by 7:
  /// batches 1 to 3. Facts, batches 4 to 6: 8 is held and posted by 10; 9 is booked and taken back by
  /// 11; 12 and 13 would post and take back the same once more.
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
      [try Books.payment(8, 9, hold), try Books.payment(9, 3)],
      [
        try Books.payment(10, 9, .postPending(other(8)), fact: true),
        try takingBack(11, other(9)),
      ],
      [
        try Books.payment(12, 9, .postPending(other(8)), fact: true),
        try takingBack(13, other(9)),
      ],
    ] {
      #expect(try await books.writer.post(batch).allSatisfy { $0 == .created })
    }
  }

  /// The fact that a payment of 3 came back.
  private static func takingBack(
    _ id: UInt128,
    _ other: LedgerTransactionID
  ) throws -> PendingPosting {
    try Books.payment(
      id,
      3,
      .reverse(other),
      fact: true,
      kind: "reversal",
      debit: "bank:a",
      credit: "merchant_payable"
    )
  }

  static let extended = [
    ProofTests.Tampering(
      sql:
        "update transaction set expires_at = expires_at + interval '1 us' where phase = 1 and \(of(1))",
      found: ["transaction_changed 1 1"],
      says: "pending_open: another expires_at"
    ),
    ProofTests.Tampering(
      sql: """
        update transaction set expires_at = expires_at + interval '1 us' where phase = 1 and \(of(1));
        update pending_open set expires_at = expires_at + interval '1 us'
        """,
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
      sql: "delete from reversal where sequence = \(ProofTests.place(7))",
      found: ["transaction_changed 3 7"],
      says: "reversal: not this transaction's"
    ),
    // What a fact has ended or taken back, and may not end again.
    ProofTests.Tampering(
      sql: "delete from reversal where sequence = \(ProofTests.place(11))",
      found: ["transaction_changed 5 11"],
      says: "reversal: this transaction's is gone"
    ),
    ProofTests.Tampering(
      sql: """
        delete from pending_resolution where sequence = \(ProofTests.place(10));
        insert into pending_open
          select shard, \(name(8)), position, sequence, account_id, merchant_id, side, amount_minor,
            (select expires_at from transaction where \(of(8)))
          from pending_entry where \(of(8));
        update balance b set debits_pending_minor = debits_pending_minor + 9 from account a
          where a.id = b.account_id and a.code = 'merchant_payable';
        update balance b set credits_pending_minor = credits_pending_minor + 9 from account a
          where a.id = b.account_id and a.code = 'bank:a'
        """,
      found: ["transaction_changed 5 10"],
      says: "pending_resolution: this transaction's is gone"
    ),
    // Which of two facts it was.
    ProofTests.Tampering(
      sql: "update reversal set sequence = \(ProofTests.place(13)) where reversed_id = \(name(9))",
      found: ["transaction_changed 5 11", "transaction_changed 6 13"],
      says: "reversal: this transaction's is gone"
    ),
    ProofTests.Tampering(
      sql:
        "update pending_resolution set sequence = \(ProofTests.place(12)) where pending_id = \(name(8))",
      found: ["transaction_changed 5 10", "transaction_changed 6 12"],
      says: "pending_resolution: this transaction's is gone"
    ),
    ProofTests.Tampering(
      sql: "update reversal set merchant_id = reversed_id where reversed_id = \(name(6))",
      found: ["transaction_changed 2 6"],
      says: "reversal: of a transaction that does not take it back"
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
      sql: "update pending_open set expires_at = expires_at + interval '1 hour'",
      found: ["transaction_changed 1 1"],
      says: "pending_open: another expires_at"
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

  /// A transaction's id.
  private static func name(_ id: Int) -> String {
    "(select id from movement where sequence = \(ProofTests.place(id)))"
  }

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
