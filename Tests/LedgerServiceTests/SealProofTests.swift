import LedgerCore
import Money
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What anybody changes of a sealed day, or of a seal, is found and named from the tables alone.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct SealProofTests {
  /// Days 15, 16 and 17 January are sealed: batches 1, 2 and 3 with transactions 1 and 2, 3 and 4, 5
  /// and 6; batch 4 lies in the open day.
  struct Tampering: Sendable, CustomTestStringConvertible {
    var sql: String
    /// "kind day" of seals, "kind batch" of everything else.
    var found: [String]
    var says = ""
    var testDescription: String { sql }
  }

  static let rewritten = """
    update day_seal set document = replace(document, 'debits 100 ', 'debits 101 ') where number = 2;
    update day_seal set root = sha256(convert_to(document, 'UTF8')) where number = 2
    """

  static let all = [
    Tampering(
      sql: "delete from day_seal where number = 2",
      found: ["seal_missing 2026-01-16"],
      says: "seal 2: 1 from here on are missing"
    ),
    Tampering(
      sql: "delete from day_seal where number = 1",
      found: ["seal_missing -"],
      says: "seal 1: 1 from here on are missing"
    ),
    Tampering(
      sql: "delete from day_seal where number = 3",
      found: ["seal_missing -"],
      says: "seal 3: its root is not the one that an earlier check saw"
    ),
    Tampering(
      sql: "delete from day_seal",
      found: ["seal_missing -"],
      says: "seal 3"
    ),
    Tampering(
      sql: """
        update day_seal set document = replace(document, 'debits 100 ', 'debits 101 ')
          where number = 2
        """,
      found: ["seal_changed 2026-01-16", "seal_differs 2026-01-16"],
      says: "root: not that of document"
    ),
    Tampering(
      sql: rewritten,
      found: ["seal_differs 2026-01-16", "seal_changed 2026-01-17"],
      says: "`sum test EUR debits 101 credits 100 entries 2` was sealed, it is `sum test EUR debits"
    ),
    Tampering(
      sql: "update day_seal set day = '2027-01-01' where number = 3",
      found: ["seal_changed 2027-01-01"],
      says: "day: document says 2026-01-17; day: not the next one"
    ),
    Tampering(
      sql: "update day_seal set root = previous_root where number = 3",
      found: ["seal_changed 2026-01-17", "seal_missing -"],
      says: "root: not that of document"
    ),
    // Every hash of the chain made anew by whoever changed a row: the seal is of the old head.
    Tampering(
      sql: "update batch set hash = sha256(hash) where number = 2",
      found: ["batch_changed 2", "batch_out_of_order 3", "seal_differs 2026-01-16"],
      says: "hash covers"
    ),
    Tampering(
      sql: """
        update entry set amount_minor = 99 where sequence = \(ProofTests.place(3))
        """,
      found: ["transaction_changed 2", "seal_differs 2026-01-16"],
      says: "a column"
    ),
    Tampering(
      sql: """
        delete from entry where sequence = \(ProofTests.place(3));
        delete from transaction where sequence = \(ProofTests.place(3))
        """,
      found: ["transaction_missing 2", "transaction_missing 0", "seal_differs 2026-01-16"]
    ),
    // Into another day.
    Tampering(
      sql: "update batch set recorded_at = recorded_at + interval '1 day' where number = 2",
      found: ["batch_changed 2", "seal_differs 2026-01-16"]
    ),
    Tampering(
      sql: "update batch set recorded_at = recorded_at - interval '1 day' where number = 2",
      found: ["batch_changed 2", "seal_differs 2026-01-15"]
    ),
    // One whole batch less.
    Tampering(
      sql: """
        delete from entry where sequence in (\(ProofTests.place(5)), \(ProofTests.place(6)));
        delete from transaction where batch = 3;
        delete from movement where id in ('00000000-0000-0000-0000-000000000005',
          '00000000-0000-0000-0000-000000000006');
        delete from batch where number = 3
        """,
      found: ["batch_missing 3", "seal_differs 2026-01-17"]
    ),
    // Exchanged.
    Tampering(
      sql: """
        update batch set number = 0 where number = 2; update batch set number = 2 where number = 3;
        update batch set number = 3 where number = 0
        """,
      found: ["seal_differs 2026-01-16", "seal_differs 2026-01-17"]
    ),
  ]

  private static func text(_ finding: BooksFinding) -> String {
    let isSeal = finding.kind.rawValue.hasPrefix("seal")
    return "\(finding.kind.rawValue) "
      + (isSeal ? finding.day.map { "\($0)" } ?? "-" : "\(finding.batch)")
  }

  @Test(arguments: all)
  func isFoundAndNamed(_ tampering: Tampering) async throws {
    try await Books.with { books in
      try await DaySealTests.days(3, books)
      let calls = try LedgerCalls(books)
      try await calls.tellAll()
      for _ in 1...3 { _ = try await calls.seal() }
      // An earlier check saw all three.
      #expect(try await ProofKeeper(calls.environment).work() == 2)
      #expect(try await books.findings() == [])
      try await ProofTests.tamper(tampering.sql)
      let findings = try await books.findings()
      let texts = findings.map(Self.text)
      if tampering.found.allSatisfy({ $0.hasPrefix("seal") }) {
        // What is wrong with the batches is ProofTests' concern.
        #expect(texts.filter { $0.hasPrefix("seal") } == tampering.found, "\(findings)")
      } else {
        #expect(texts == tampering.found, "\(findings)")
      }
      let first = findings.first { Self.text($0) == tampering.found.first }
      #expect(
        tampering.says.isEmpty || first?.what.contains(tampering.says) == true,
        "\(first?.what ?? "")"
      )
    }
  }

  @Test func pagesGoThroughTheSeals() async throws {
    try await Books.with { books in
      try await DaySealTests.days(33, books)
      let calls = try LedgerCalls(books)
      try await calls.tellAll()
      #expect(try await SealKeeper(calls.environment, sealer: calls.seals.sealer).work() == 31)
      #expect(try await SealKeeper(calls.environment, sealer: calls.seals.sealer).work() == 31)
      var page = try await calls.verify("seal/0")
      #expect(page.seals == 30 && page.nextPageToken == "seal/30" && page.findings.isEmpty)
      page = try await calls.verify("seal/30")
      #expect(page.seals == 30 && page.nextPageToken == "seal/60")
      page = try await calls.verify("seal/60")
      #expect(page.seals == 2 && page.nextPageToken.isEmpty && page.findings.isEmpty)
      // Days without a booking have their seal too.
      let listed = try await calls.listSeals("seal/30")
      #expect(listed.seals.map(\.number) == (31...60).map { $0 })
      #expect(listed.seals.last?.batchCount == 0 && listed.seals.first?.batchCount == 1)
    }
  }
}
