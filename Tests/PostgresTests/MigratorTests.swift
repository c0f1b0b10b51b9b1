import TestSupport
import Testing

@testable import Postgres

@Suite("Migrator", .freshDatabase(service: "tendertest"), .timeLimit(.minutes(1)))
struct MigratorTests {
  private func migration(
    _ number: Int,
    _ up: String,
    check: String = "select true"
  ) async throws -> Migration {
    let quoted = up.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    let result = try await TestDatabase.current.run(
      "select encode(sha256(convert_to('\(quoted)', 'UTF8')), 'hex')"
    )
    let sum = result[0].rows[0][0] ?? ""
    return Migration(number: number, name: "step", up: up, check: check, checksum: sum)
  }

  private func migrate(_ migrations: [Migration]) async throws -> Migrator.Report {
    let database = try TestDatabase.current
    return try await withEventLoop { loop in
      try await Migrator(
        database.settings,
        loop: loop,
        schema: "things",
        owner: database.ownerRole,
        migrations: migrations
      ).migrate()
    }
  }

  private func refusal(_ migrations: [Migration]) async throws -> PostgresError? {
    do {
      _ = try await migrate(migrations)
      return nil
    } catch let error as PostgresError {
      return error
    }
  }

  @Test("Applies as the owner, once, and resumes after a failure")
  func resumes() async throws {
    let database = try TestDatabase.current
    let first = try await migration(
      1,
      "create table thing (id int); grant usage on schema things to tendertest_service;"
        + "grant select on thing to tendertest_service"
    )
    let broken = try await migration(2, "create table other (id int); select 1 / 0")
    let error = try await refusal([first, broken])
    #expect(error?.message.contains("migration 2 (step) of things") == true)
    let fixed = try await migration(2, "create table other (id int)")
    #expect(try await migrate([first, fixed]) == .init(applied: [2], current: 2))
    #expect(try await migrate([first, fixed]) == .init(applied: [], current: 2))
    let owners = try await database.run(
      "select distinct tableowner from pg_tables where schemaname = 'things'"
    )
    #expect(owners[0].rows == [["tendertest_owner"]])
    try await withPostgres(database.serviceSettings) { client in
      _ = try await client.query("select from things.thing")
      await #expect(throws: PostgresError.self) {
        try await client.query("select from things.other")
      }
    }
  }

  @Test("A failed check undoes its migration")
  func checks() async throws {
    let bad = try await migration(
      1,
      "create table thing (id int)",
      check: "select 'thing has rows', count(*) > 0 from thing"
    )
    #expect(try await refusal([bad])?.message.contains("thing has rows") == true)
    let raising = try await migration(
      1,
      "create table thing (id int)",
      check: "do $$ begin raise exception 'not so'; end $$"
    )
    #expect(try await refusal([raising])?.message.contains("not so") == true)
    let tables = try await TestDatabase.current.run("select to_regclass('things.thing') is null")
    #expect(tables[0].rows == [["t"]])
  }

  @Test("Refuses changed texts, wrong checksums and schemas of a newer release")
  func refuses() async throws {
    let one = try await migration(1, "create table thing (id int)")
    let two = try await migration(2, "create table other (id int)")
    _ = try await migrate([one, two])
    #expect(try await refusal([one])?.message.contains("newer than this executable") == true)
    let changed = try await migration(1, "create table thing (id bigint)")
    #expect(try await refusal([changed, two])?.message.contains("was changed") == true)
    let forged = Migration(number: 3, name: "x", up: "select 1", check: "select 1", checksum: "0")
    #expect(try await refusal([one, two, forged])?.message.contains("checksum") == true)
    let committing = try await migration(3, "create table third (id int); commit")
    #expect(try await refusal([one, two, committing])?.message.contains("transaction") == true)
  }

  @Test("Two migrators at once: one works, the other finds it done")
  func together() async throws {
    let migrations = [try await migration(1, "create table thing (id int)")]
    async let first = migrate(migrations)
    async let second = migrate(migrations)
    let reports = try await [first, second]
    #expect(reports.map(\.applied).sorted { $0.count < $1.count } == [[], [1]])
  }

  @Test func aMigrationThatADeadlockEndsIsTriedAgain() async throws {
    let database = try TestDatabase.current
    let first = try await migration(1, "create table one (id int); create table two (id int)")
    let second = try await migration(
      2,
      "alter table one add column name text; alter table two add column name text"
    )
    _ = try await migrate([first])
    // It holds `two`, waits until the migration has `one` and wants `two`, and then wants `one`.
    // It never finds the deadlock itself.
    async let other = database.run(
      """
      begin; set local deadlock_timeout = '50s'; lock table things.two;
      \(waiting("exists (select from pg_locks where not granted and relation = 'things.two'::regclass)"))
      lock table things.one; commit
      """
    )
    _ = try await database.run(
      waiting("exists (select from pg_locks where granted and relation = 'things.two'::regclass)")
    )
    #expect(try await migrate([first, second]) == .init(applied: [2], current: 2))
    _ = try await other
  }

  /// Waits until it is so.
  private func waiting(_ condition: String) -> String {
    """
    do $$ begin
      for i in 1..3000 loop
        if \(condition) then return; end if;
        perform pg_sleep(0.01);
      end loop;
      raise exception 'not within 30 s';
    end $$;
    """
  }
}
