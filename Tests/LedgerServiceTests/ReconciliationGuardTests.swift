import LedgerCore
import LedgerService
import Money
import Postgres
import TestSupport
import Testing
import Wire

/// What the database itself refuses of reconciliation, to the service and to everybody.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationGuardTests {
  private static func with(
    _ body: @escaping @Sendable (ReconCalls) async throws -> Void
  ) async throws {
    try await ReconciliationTests.with { recon in
      try await recon.importing(ReconciliationTests.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      try await body(recon)
    }
  }

  @Test func theServiceCannotEditFacts() async throws {
    try await Self.with { recon in
      for change in [
        "update recon_line set gross_minor = 0", "delete from recon_line",
        "update recon_file set line_count = 1", "delete from recon_item",
        "update recon_match set class = 'matched'", "delete from recon_break",
        "delete from recon_match where class = 'matched'", "truncate recon_match",
        "update recon_break_change set actor = 'nobody'",
        "insert into recon_break_change select * from recon_break_change",
        "update recon_break set state = 'resolved'", "delete from recon_open_line",
        "delete from recon_open_item", "update recon_total set line_count = 0",
        "update recon_batch set net_minor = 0",
      ] {
        await #expect(throws: PostgresError.self, "\(change)") {
          _ = try await recon.books.database.query(Statement(sql: change))
        }
      }
    }
  }

  @Test func notEvenTheOwnerEditsFacts() async throws {
    try await Self.with { recon in
      let test = try TestDatabase.current
      for table in [
        "recon_file", "recon_line", "recon_item", "recon_run", "recon_break_change",
      ] {
        let column = table == "recon_break_change" ? "actor" : "gateway"
        for change in [
          "update \(table) set \(column) = 'x'", "delete from \(table)", "truncate \(table)",
        ] {
          await #expect(throws: (any Error).self, "\(change)") {
            try await test.run("set role ledger_owner; set search_path = ledger; \(change)")
          }
        }
      }
    }
  }

  /// One line more, that no run has seen: no run can be written down.
  @Test func aRunThatForgetsALineIsRefused() async throws {
    try await Self.with { recon in
      _ = try await recon.books.database.query(
        "delete from recon_match where class = 'missing_internal'"
      )
      do {
        _ = try await recon.books.database.query(
          """
          insert into recon_run select gen_random_uuid(), gateway, account, day, line_count,
            item_count, breaks_opened, breaks_resolved, breaks_open, classes, totals, ran_at, actor,
            trace_id from recon_run
          """
        )
        Issue.record("a run without a class for each line")
      } catch let error as PostgresError {
        #expect(error.sqlState == .checkViolation)
      }
    }
  }

  @Test func anItemAnswersOneLine() async throws {
    try await Self.with { recon in
      do {
        _ = try await recon.books.database.query(
          """
          insert into recon_match (file_id, line, gateway, account, class, rung, shard, sequence,
            currency)
          select file_id, 99, gateway, account, class, rung, shard, sequence, currency
          from recon_match where class = 'matched' limit 1
          """
        )
        Issue.record("an item answers two lines")
      } catch let error as PostgresError {
        #expect(error.isUniqueViolation())
      }
    }
  }

  /// The rules and the trigger allow the same steps.
  @Test func theTriggerKnowsTheStepsOfTheRules() async throws {
    try await Self.with { recon in
      let id = try #require(try await recon.breaks().breaks.first?.id)
      let bits = try #require(ReconBreakID(id))
      for from in BreakState.allCases {
        for to in BreakState.allCases where to != from {
          let allowed = BreakMachine.steps[from]?.contains(to) == true
          let test = try TestDatabase.current
          try await test.run(
            """
            set session_replication_role = replica; set search_path = ledger;
            update recon_break set state = '\(from.rawValue)', note = 'x', snoozed_until = \
            \(from == .snoozed ? "now()" : "null") where id = '\(String(bits.bits, radix: 16).padded)'
            """
          )
          var passed = true
          do {
            _ = try await recon.books.database.query(
              """
              update recon_break set state = \(to.rawValue), version = version + 1,
                snoozed_until = \(to == .snoozed ? recon.books.clock.now : nil)
              where id = \(bits)
              """
            )
          } catch { passed = false }
          #expect(passed == allowed, "\(from) to \(to)")
        }
      }
    }
  }
}

extension String {
  /// 32 hexadecimal digits.
  fileprivate var padded: String { String(repeating: "0", count: max(0, 32 - count)) + self }
}
