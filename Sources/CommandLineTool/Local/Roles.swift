/// The roles and schemas of the services, as SQL that can be run again at any time.
enum Roles {
  /// What one service may open; the sum stays below `max_connections` in deploy/postgres.
  static let connectionLimit = 30
  /// Of these, what its processes may pool; the rest is for pipelines and looks of each.
  static let pooledConnections = 24
  /// They run one after another.
  static let migratorConnectionLimit = 8
  static let statementTimeoutMilliseconds = 30_000
  static let idleInTransactionTimeoutMilliseconds = 30_000

  /// Makes the database.
  static let database = """
    select 'create database \(Cluster.database) encoding ''UTF8'' template template0'
    where not exists (select from pg_database where datname = '\(Cluster.database)') \\gexec

    """

  /// Makes roles, schemas and grants inside the database, in one transaction.
  /// - Parameter password: the password of a login role; hexadecimal digits.
  static func statements(
    _ services: [ServiceDescription], password: (String) throws -> String
  ) rethrows -> String {
    var sql = """
      \\set VERBOSITY terse
      begin;
      set local log_min_error_statement = panic;
      set local client_min_messages = warning;
      revoke all on database \(Cluster.database) from public;
      revoke all on schema public from public;

      """
    for service in services {
      guard let schema = service.schema else { continue }
      sql += role(service.owner, "nologin")
      for (role, limit, inherits) in [
        (service.role, connectionLimit, "noinherit"),
        // Reads what is applied before it acts as the owner.
        (service.migrator, migratorConnectionLimit, "inherit"),
      ] {
        sql += Self.role(
          role, "login \(inherits) connection limit \(limit) password '\(try password(role))'")
        sql += "grant connect on database \(Cluster.database) to \(role);\n"
      }
      sql += """
        create schema if not exists \(schema) authorization \(service.owner);
        grant usage on schema \(schema) to \(service.role);
        grant \(service.owner) to \(service.migrator);
        alter role \(service.role) set search_path = \(schema);
        alter role \(service.migrator) set search_path = \(schema);
        alter role \(service.role) set statement_timeout = \(statementTimeoutMilliseconds);
        alter role \(service.role) set idle_in_transaction_session_timeout = \
        \(idleInTransactionTimeoutMilliseconds);
        alter role \(service.role) set plan_cache_mode = \
        \(service.plansOnce ? "force_generic_plan" : "auto");

        """
    }
    return sql + "commit;\n"
  }

  private static func role(_ name: String, _ options: String) -> String {
    """
    do $$ begin
      if not exists (select from pg_roles where rolname = '\(name)') then
        create role \(name);
      end if;
    end $$;
    alter role \(name) nosuperuser nocreatedb nocreaterole noreplication nobypassrls \(options);

    """
  }
}
