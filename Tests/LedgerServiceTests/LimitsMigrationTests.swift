import LedgerService
import Postgres
import TestSupport
import Testing

/// Migration 0006 beside a replica that posts.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct LimitsMigrationTests {
  private static func migrate(_ count: Int) async throws -> Migrator.Report {
    let test = try TestDatabase.current
    return try await withEventLoop { loop in
      try await Migrator(
        test.settings,
        loop: loop,
        schema: "ledger",
        owner: test.ownerRole,
        migrations: Array(LedgerService.migrations.prefix(count))
      ).migrate()
    }
  }

  /// Waits until there is such a lock in this database.
  private static func waiting(_ lock: String) -> String {
    """
    do $$ begin
      for i in 1..3000 loop
        if exists (select from pg_locks l join pg_database d on d.oid = l.database
          where d.datname = current_database() and \(lock)) then return; end if;
        perform pg_sleep(0.01);
      end loop;
      raise exception 'not within 30 s';
    end $$;
    """
  }

  /// Whoever posts has the shard's lock, has read `batch`, and goes on to `transaction` and `balance`:
  /// the migration waits for that lock, and holds nothing meanwhile that the batch needs.
  @Test func waitsForWhoeverPosts() async throws {
    let test = try TestDatabase.current
    _ = try await Self.migrate(5)
    async let posting = test.run(
      """
      begin; set local deadlock_timeout = '50s'; set local lock_timeout = '20s';
      set local search_path = ledger;
      select pg_advisory_xact_lock(1279607879, 0);
      select count(*) from batch;
      \(Self.waiting("not l.granted"))
      select distinct l.locktype from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and not l.granted;
      update transaction set kind = kind where false;
      update balance set version = version where false;
      commit
      """
    )
    _ = try await test.run(
      Self.waiting("l.granted and l.locktype = 'advisory' and l.classid = 1279607879")
    )
    let report = try await Self.migrate(6)
    #expect(report.applied == [6])
    let waited = try await posting.flatMap(\.rows).compactMap { $0.first ?? nil }
    #expect(waited.contains("advisory") && !waited.contains("relation"), "\(waited)")
  }
}
