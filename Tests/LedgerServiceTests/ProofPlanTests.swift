import LedgerCore
import Money
import ServiceKit
import TestSupport
import Testing

@testable import LedgerService
@testable import Postgres

/// The verifier reads millions of rows in pieces, and decisions read under the shard's lock: none of
/// these statements may compare two tables row by row because they were small, or unknown to the
/// planner, when it was planned.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ProofPlanTests {
  private static let ids = [LedgerTransactionID(bits: 1)]
  static let statements: [Statement] = [
    ProofStore.transactions(from: .zero, through: .zero, limit: 5000),
    ProofStore.strays(behind: .zero, limit: 100),
    ProofStore.strayEntries(behind: .zero, limit: 100),
    ProofStore.movements(after: LedgerTransactionID(bits: 0), limit: 5000),
    BooksStateStore.existing(ids), BooksStateStore.rejected(ids), BooksStateStore.pendings(ids),
    BooksStateStore.reversible(ids), TransactionStore.byIDs(ids),
  ]

  /// Also where whole tables look cheaper.
  @Test(arguments: 0..<ProofPlanTests.statements.count)
  func looksUpByKey(_ number: Int) async throws {
    var explained = Self.statements[number]
    explained.key = StatementKey(text: "explain " + explained.text, types: explained.key.types)
    try await Books.with { [explained] books in
      try await ProofTests.post(books)
      _ = try await TestDatabase.current.run(
        "set search_path = ledger; analyze transaction, movement, entry, batch"
      )
      let plan = try await books.database.transaction(batch: [ProofStore.byKey, explained])[1]
        .column(as: String.self)
      for costly in ["Seq Scan", "Hash", "Merge Join", "Merge Anti", "Merge Left", "Materialize"] {
        #expect(!plan.contains { $0.contains(costly) }, "\(plan)")
      }
    }
  }
}
