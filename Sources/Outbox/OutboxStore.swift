import Money
import Postgres

/// The statements of a relay, for one destination.
struct OutboxStore {
  let client: PostgresClient
  let destination: String

  /// Takes due rows under a lease. Only the first unsent row of a key can be claimed, and takes the
  /// key's next rows along, up to the first whose pause is not over: no two relays ever work on one
  /// key, unless a lease runs out, and no row goes ahead of an earlier one.
  ///
  /// The first row of a key is looked up row by row (`lateral … limit 1`, and `destination || ''`
  /// leaves only the primary key to do it by): a join would be planned for a nearly empty table and
  /// take a million steps with a thousand rows waiting.
  func claim(
    limits: OutboxRelay.Limits
  ) async throws(PostgresError) -> [OutboxRow] {
    let rows = try await client.query(
      """
      with head as materialized (
        select o.distribution_key, o.sequence from outbox o
        cross join lateral (
          select e.sequence from outbox e
          where e.distribution_key = o.distribution_key and e.destination || '' = o.destination
          order by e.sequence limit 1) first
        where o.destination = \(destination) and o.not_before <= now()
          and (o.lease_until is null or o.lease_until <= now())
          and first.sequence = o.sequence
        order by o.sequence limit \(limits.batchMax) for update of o skip locked
      ), chosen as materialized (
        select r.distribution_key, r.sequence
        from head h cross join lateral (
          select n.distribution_key, n.sequence,
            bool_and(n.not_before <= now()) over (order by n.sequence) as is_due
          from outbox n
          where n.destination || '' = \(destination)
            and n.distribution_key = h.distribution_key
            and n.sequence >= h.sequence
          order by n.sequence limit \(limits.rowsPerKeyMax)) r
        where r.is_due
        order by r.sequence limit \(limits.batchMax)
      ), claimed as (
        update outbox o set
          lease_until = now() + \(limits.lease.wholeMicroseconds) * interval '1 microsecond',
          fence = o.fence + 1, attempts = o.attempts + 1
        from chosen c
        where o.destination = \(destination) and o.distribution_key = c.distribution_key
          and o.sequence = c.sequence
        returning o.distribution_key, o.sequence, o.id, o.merchant_id, o.payload, o.actor,
          o.trace_id, o.created_at, o.attempts, o.fence
      )
      select * from claimed order by sequence
      """
    )
    var claimed: [OutboxRow] = []
    claimed.reserveCapacity(rows.count)
    for row in rows { claimed.append(try Self.decode(row)) }
    return claimed
  }

  private static func decode(_ row: Row) throws(PostgresError) -> OutboxRow {
    OutboxRow(
      distributionKey: try row[0, as: UUIDBits.self],
      sequence: try row[1, as: Int64.self],
      id: try row[2, as: UUIDBits.self],
      merchant: try row[3, as: UUIDBits.self],
      payload: try row[4, as: [UInt8].self],
      actor: try row[5, as: String.self],
      traceID: try row[6, as: [UInt8]?.self],
      createdAt: try row[7, as: Timestamp.self],
      attempts: try row[8, as: Int32.self],
      fence: try row[9, as: Int64.self]
    )
  }

  /// Rows whose fence moved on, and rows that were put back, are left alone.
  func renew(_ rows: [OutboxRow], lease: Duration) async throws(PostgresError) {
    _ = try await client.query(
      """
      update outbox o
      set lease_until = now() + \(lease.wholeMicroseconds) * interval '1 microsecond'
      from unnest(\(rows.map(\.distributionKey)), \(rows.map(\.sequence)),
        \(rows.map(\.fence))) as held (distribution_key, sequence, fence)
      where o.destination = \(destination) and o.distribution_key = held.distribution_key
        and o.sequence = held.sequence and o.fence = held.fence and o.lease_until is not null
      """
    )
  }

  /// Deletes what was delivered, and puts the rest back with its pause. Rows whose fence moved on
  /// belong to another relay: nothing happens to them. Returns how many rows were still ours.
  func settle(
    delivered: [OutboxRow],
    failed: [(row: OutboxRow, reason: String, pause: Duration)]
  ) async throws(PostgresError) -> Int {
    var count = 0
    if !delivered.isEmpty {
      count += try await client.query(
        """
        delete from outbox o
        using unnest(\(delivered.map(\.distributionKey)), \(delivered.map(\.sequence)),
          \(delivered.map(\.fence))) as sent (distribution_key, sequence, fence)
        where o.destination = \(destination) and o.distribution_key = sent.distribution_key
          and o.sequence = sent.sequence and o.fence = sent.fence
        """
      ).affected
    }
    if !failed.isEmpty {
      count += try await client.query(
        """
        update outbox o set lease_until = null, last_error = f.reason,
          not_before = now() + f.pause * interval '1 microsecond'
        from unnest(\(failed.map(\.row.distributionKey)), \(failed.map(\.row.sequence)),
          \(failed.map(\.row.fence)), \(failed.map(\.reason)),
          \(failed.map(\.pause.wholeMicroseconds)))
          as f (distribution_key, sequence, fence, reason, pause)
        where o.destination = \(destination) and o.distribution_key = f.distribution_key
          and o.sequence = f.sequence and o.fence = f.fence
        """
      ).affected
    }
    return count
  }

  func backlog() async throws(PostgresError) -> OutboxBacklog {
    let row = try await client.query(
      """
      select count(*), min(created_at), coalesce(max(attempts), 0)
      from outbox where destination = \(destination)
      """
    ).single()
    return OutboxBacklog(
      count: try row[0, as: Int64.self],
      oldest: try row[1, as: Timestamp?.self],
      attemptsMax: try row[2, as: Int32.self]
    )
  }
}
