import LedgerCore
import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import LedgerService

@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct DriftTests {
  private static func texts(_ findings: [DriftFinding]) -> [String] {
    findings.map { "\($0.kind.rawValue) \($0.code)" }
  }

  /// Two hot accounts with two snapshots each, and a tail.
  private static func post(_ books: Books) async throws {
    for batch in 0..<5 {
      let items = try (1...1_000).map {
        try Books.posting(UInt128(batch * 1_000 + $0), "bank:a", minor: Int64($0))
      }
      _ = try await books.writer.post(items)
    }
    #expect(try await books.count("balance_snapshot") == 4)
  }

  @Test(arguments: [
    (
      "update balance set debits_posted_minor = debits_posted_minor + 1 where debits_posted_minor > 0",
      ["balance_differs bank:a"]
    ),
    ("delete from balance where debits_posted_minor > 0", ["balance_missing bank:a"]),
    (
      "update entry set amount_minor = amount_minor + 1 where side = 1 and sequence = (select min(sequence::text)::uuid from entry)",
      ["snapshot_differs bank:a", "piece_differs bank:a"]
    ),
    (
      "update entry set amount_minor = amount_minor + 1 where side = 1 and sequence = (select max(sequence::text)::uuid from entry)",
      ["balance_differs bank:a"]
    ),
    (
      "update balance_snapshot set debits_posted_minor = 1 where debits_posted_minor > 0 and sequence = (select min(sequence::text)::uuid from balance_snapshot)",
      ["snapshot_differs bank:a", "snapshot_differs bank:a"]
    ),
    (
      "delete from balance_piece where debits_minor > 0 and sequence = (select min(sequence::text)::uuid from balance_snapshot)",
      ["piece_differs bank:a"]
    ),
  ])
  func isReportedAndNotCorrected(_ change: String, _ expected: [String]) async throws {
    try await Books.with { books in
      try await Self.post(books)
      #expect(try await books.drift() == [])
      try await ProofTests.tamper(change)
      #expect(Self.texts(try await books.drift()) == expected)
      let calls = try LedgerCalls(books)
      var token = ""
      var kinds: [String] = []
      repeat {
        let page = try await calls.drift(token)
        kinds += page.findings.map { "\($0.kind) \($0.accountCode)" }
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(kinds == expected)
      let alerts = try await books.database.query(
        "select severity, kind from alert where state = 'open'"
      )
      #expect(
        try alerts.decode((String, String).self).allSatisfy { $0 == ("critical", "balance_drift") }
      )
      #expect(alerts.count == Set(expected).count)
      // Again: reported, not corrected.
      #expect(Self.texts(try await books.drift()) == expected)
    }
  }

  /// What is held, and the limits, are kept beside the balance for speed.
  @Test(arguments: [
    (
      "update balance set debits_pending_minor = debits_pending_minor + 1 where debits_pending_minor > 0",
      ["pending_differs merchant_payable"]
    ),
    (
      "update pending_open set amount_minor = amount_minor + 1 where side = 1",
      ["pending_differs merchant_payable"]
    ),
    (
      "update pending_entry set amount_minor = amount_minor + 1 where side = 1",
      ["pending_differs merchant_payable"]
    ),
    (
      "delete from pending_open where side = -1", ["pending_differs bank:a"]
    ),
    ("update balance set net_minimum_minor = null", ["limits_differ bank:a"]),
    (
      "update account_limit set maximum_minor = 7", ["limits_differ bank:a"]
    ),
  ])
  func whatIsHeldIsReported(_ change: String, _ expected: [String]) async throws {
    try await Books.with { books in
      _ = try await LedgerCalls(books).setLimits("bank:a", minimum: -1_000)
      _ = try await books.writer.post([Books.payment(1, 5, books.hold(seconds: 60))])
      #expect(try await books.drift() == [])
      try await ProofTests.tamper(change)
      #expect(Self.texts(try await books.drift()) == expected)
    }
  }

  /// What is posted while the checks run is no finding.
  @Test func checksRunBesidePostings() async throws {
    try await Books.with { books in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for caller in 0..<4 {
          group.addTask {
            for call in 0..<40 {
              let items = try (0..<60).map {
                try Books.posting(UInt128(caller * 10_000 + call * 100 + $0 + 1), "bank:a")
              }
              _ = try await books.writer.post(items)
            }
          }
        }
        group.addTask {
          for _ in 0..<10 {
            let (changed, drifted) = (try await books.findings(), try await books.drift())
            #expect(changed == [] && drifted == [])
          }
        }
        try await group.waitForAll()
      }
      #expect(try await books.count("transaction") == 9_600)
      try await books.expectSound()
    }
  }

  @Test func oneReplicaChecksOnceADay() async throws {
    try await Books.with { books in
      try await ProofTests.post(books)
      let calls = try LedgerCalls(books)
      let keepers = [ProofKeeper(calls.environment), ProofKeeper(calls.environment)]
      let runs = try await onLoop(books.loop, count: 2) { try await keepers[$0].work() }
      #expect(runs.reduce(0, +) == 2)
      #expect(try await keepers[0].work() == 0)
      try await ProofTests.tamper("update transaction set subject = 'x' where batch = 2")
      try await ProofTests.tamper("update balance set credits_posted_minor = 1")
      try await ProofTests.tamper(
        "update worker_lease set expires_at = now() - interval '1 second'"
      )
      books.clock.advance(by: .seconds(25 * 3_600))
      #expect(try await keepers[1].work() == 2)
      let runsKept = try await books.database.query(
        "select kind, findings, head_batch from proof_run order by finished_at, kind"
      )
      #expect(
        try runsKept.decode((String, Int64, Int64?).self).map { "\($0.0) \($0.1) \($0.2 ?? 0)" }
          == ["chain 0 5", "drift 0 0", "chain 2 5", "drift 3 0"]
      )
      let alerts = try await books.database.query(
        "select kind, count(*) from alert where state = 'open' group by kind order by kind"
      )
      #expect(
        try alerts.decode((String, Int64).self).map { "\($0.0) \($0.1)" }
          == ["balance_drift 3", "books_changed 2"]
      )
    }
  }
}
