package import Postgres

/// The right to do a background job, until it expires. Each holder has a higher fence than the one
/// before; work that commits with an old fence changes nothing. Its row is in table `worker_lease` of
/// the service's own schema, its times are the database's: one clock for all processes.
package struct WorkerLease: Sendable {
  package static let seconds: Double = 30

  package let name: String
  package let holder: UUIDBits
  package let fence: Int64

  /// Nil while somebody else holds it.
  package static func acquire(
    _ name: String,
    holder: UUIDBits,
    _ database: PostgresClient
  ) async throws(PostgresError) -> WorkerLease? {
    let rows = try await database.query(
      """
      insert into worker_lease as l (name, holder, fence, expires_at)
      values (\(name), \(holder), 1, now() + make_interval(secs => \(seconds)))
      on conflict (name) do update
        set holder = excluded.holder, fence = l.fence + 1, expires_at = excluded.expires_at
        where l.expires_at < now() or l.holder = excluded.holder
      returning fence
      """
    )
    guard let row = rows.first else { return nil }
    return WorkerLease(name: name, holder: holder, fence: try row[0, as: Int64.self])
  }

  /// Extends the lease within a transaction; no row changed means that it is lost.
  package func renewal() -> Statement {
    """
    update worker_lease set expires_at = now() + make_interval(secs => \(Self.seconds))
    where name = \(name) and holder = \(holder) and fence = \(fence)
    """
  }
}
