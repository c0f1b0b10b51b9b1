package import Reactor

/// Brings one service's schema up to date, as its owner. Several at once are safe: an advisory lock
/// lets one work. Each migration commits together with its check and its record, so an interrupted
/// run resumes where it stopped.
package struct Migrator: Sendable {
  /// Waiting for another migrator.
  static let turnTimeoutSeconds = 60
  /// Waiting for a table's lock; services queue behind us meanwhile, so it is short.
  static let lockTimeoutMilliseconds = 2_000
  /// Tries of one migration that met a lock.
  static let lockTriesMax = 5
  /// First half of the advisory lock's key; the second is the schema's hash.
  static let advisoryLockClass = 1_952_804_452

  package struct Report: Sendable, Hashable {
    /// Numbers applied by this run.
    package var applied: [Int] = []
    /// The schema's number afterwards.
    package var current = 0
  }

  let settings: PostgresSettings
  let loop: EventLoop
  let schema: String
  let owner: String
  let migrations: [Migration]

  /// - Parameters:
  ///   - settings: a login role that may `set role` to the owner.
  ///   - owner: must exist and may create the schema, or own it already.
  package init(
    _ settings: PostgresSettings,
    loop: EventLoop,
    schema: String,
    owner: String,
    migrations: [Migration]
  ) {
    self.settings = settings
    self.loop = loop
    self.schema = schema
    self.owner = owner
    self.migrations = migrations
  }

  /// - Parameter progress: told one line for each migration.
  /// - Throws: `.migration` (one line that says what to do), `.unavailable`, `.server` with the
  ///   number and name of the migration in the message, `.commitUnknown` (run again).
  package func migrate(
    progress: (String) -> Void = { _ in }
  ) async throws(PostgresError) -> Report {
    let connection = try await ScriptConnection.open(settings, loop: loop)
    do {
      let report = try await migrate(connection, progress)
      await connection.close()
      return report
    } catch {
      await connection.close()
      throw error
    }
  }

  /// The schema's number and what is missing, without changing anything.
  package func status() async throws(PostgresError) -> (current: Int, pending: [Int]) {
    let connection = try await ScriptConnection.open(settings, loop: loop)
    do {
      let applied = try await applied(connection)
      await connection.close()
      let plan = try MigrationPlan(schema: schema, known: migrations, applied: applied)
      return (applied.count, plan.pending.map(\.number))
    } catch {
      await connection.close()
      throw error
    }
  }

  private func migrate(
    _ connection: ScriptConnection,
    _ progress: (String) -> Void
  ) async throws(PostgresError) -> Report {
    try await takeTurn(connection)
    // Checked before anything is created, so that a refused run leaves nothing behind.
    let plan = try MigrationPlan(
      schema: schema,
      known: migrations,
      applied: try await applied(connection)
    )
    var report = Report(current: migrations.count - plan.pending.count)
    guard !plan.pending.isEmpty else { return report }
    try await prepare(connection)
    for migration in plan.pending {
      try await apply(migration, connection)
      progress("\(schema): applied \(migration.number) \(migration.name)")
      report.applied.append(migration.number)
      report.current = migration.number
    }
    try await analyze(connection)
    return report
  }

  private func takeTurn(_ connection: ScriptConnection) async throws(PostgresError) {
    do {
      try await connection.execute(
        """
        set lock_timeout = '\(Self.turnTimeoutSeconds)s';
        select pg_advisory_lock(\(Self.advisoryLockClass), hashtext(\(literal(schema))));
        set lock_timeout = \(Self.lockTimeoutMilliseconds);
        """
      )
    } catch  where error.sqlState == .lockNotAvailable {
      throw PostgresError(.migration, "another migration of \(schema) is running")
    }
  }

  private func applied(
    _ connection: ScriptConnection
  ) async throws(PostgresError) -> [AppliedMigration] {
    let table = "\(identifier(schema)).schema_migration"
    let found = try await connection.execute(
      "select to_regclass(\(literal(table))) is not null"
    )
    guard found.last?.rows.first?.first == "t" else { return [] }
    let rows = try await connection.execute(
      "select number, name, checksum from \(table) order by number"
    )
    return (rows.last?.rows ?? []).compactMap { row in
      guard row.count == 3, let number = row[0].flatMap({ Int($0) }), let name = row[1],
        let checksum = row[2]
      else { return nil }
      return AppliedMigration(number: number, name: name, checksum: checksum)
    }
  }

  private func prepare(_ connection: ScriptConnection) async throws(PostgresError) {
    try await connection.execute(
      """
      set role \(identifier(owner));
      do $$ begin
        if to_regnamespace(\(literal(identifier(schema)))) is null then
          create schema \(identifier(schema));
        end if;
      end $$;
      create table if not exists \(identifier(schema)).schema_migration (
        number integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now(),
        applied_by text not null default session_user
      );
      -- A service checks at its start that its schema fits; who may not enter the schema reads nothing.
      grant select on \(identifier(schema)).schema_migration to public;
      """
    )
  }

  private func apply(
    _ migration: Migration,
    _ connection: ScriptConnection
  ) async throws(PostgresError) {
    var attempt = 1
    while true {
      do {
        return try await applyOnce(migration, connection)
      } catch  where Self.hasMetALock(error) && attempt < Self.lockTriesMax {
        attempt += 1
      } catch {
        throw named(error, migration)
      }
    }
  }

  /// Services work meanwhile, and lock tables in an order of their own: it may also be the migration
  /// that the server picks to end a deadlock.
  private static func hasMetALock(_ error: PostgresError) -> Bool {
    error.sqlState == .lockNotAvailable || error.sqlState == .deadlockDetected
  }

  /// Everything or nothing: the change, its check and its record.
  private func applyOnce(
    _ migration: Migration,
    _ connection: ScriptConnection
  ) async throws(PostgresError) {
    do {
      try await verifyChecksum(migration, connection)
      try await connection.execute(
        "begin; set local search_path = \(identifier(schema)), pg_catalog;"
      )
      try await connection.execute(migration.up)
      try await check(migration, connection)
      try await record(migration, connection)
      try await connection.execute("commit")
    } catch {
      // Without a connection there is nothing to roll back; its error says so again.
      do { try await connection.execute("rollback") } catch { throw error }
      throw error
    }
  }

  private func verifyChecksum(
    _ migration: Migration,
    _ connection: ScriptConnection
  ) async throws(PostgresError) {
    let result = try await connection.execute(
      "select encode(sha256(convert_to(\(literal(migration.up)), 'UTF8')), 'hex')"
    )
    guard result.last?.rows.first?.first == migration.checksum else {
      throw PostgresError(.migration, "the checksum does not fit the text: generate it again")
    }
  }

  private func check(
    _ migration: Migration,
    _ connection: ScriptConnection
  ) async throws(PostgresError) {
    guard migration.check.contains(where: { !$0.isWhitespace }) else {
      throw PostgresError(.migration, "it has no check")
    }
    let rows = try await connection.execute(migration.check).flatMap(\.rows)
    guard let bad = rows.first(where: { $0.last != "t" }) else { return }
    let label = bad.count > 1 ? bad[0] ?? "unnamed" : "one row"
    throw PostgresError(.migration, "its check failed: \(label)")
  }

  private func record(
    _ migration: Migration,
    _ connection: ScriptConnection
  ) async throws(PostgresError) {
    let state = try await connection.execute("select pg_current_xact_id_if_assigned() is not null")
    guard state.last?.rows.first?.first == "t" else {
      throw PostgresError(.migration, "it ended its transaction, or changed nothing")
    }
    try await connection.execute(
      """
      set local role \(identifier(owner));
      insert into \(identifier(schema)).schema_migration (number, name, checksum)
      values (\(migration.number), \(literal(migration.name)), \(literal(migration.checksum)));
      """
    )
  }

  private func analyze(_ connection: ScriptConnection) async throws(PostgresError) {
    let tables = try await connection.execute(
      """
      select format('%I.%I', schemaname, tablename) from pg_tables
      where schemaname = \(literal(schema)) order by 1
      """
    )
    for case let name?? in tables.last?.rows.map(\.first) ?? [] {
      try await connection.execute("analyze \(name)")
    }
  }

  private func named(_ error: PostgresError, _ migration: Migration) -> PostgresError {
    PostgresError(
      error.code,
      "migration \(migration.number) (\(migration.name)) of \(schema): \(error.message)"
    )
  }

  private func identifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }

  private func literal(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }
}
