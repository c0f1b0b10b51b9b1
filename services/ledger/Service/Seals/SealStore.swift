import LedgerCore
import Money
import Postgres

/// A seal with when and by whom it was made.
struct StoredSeal: Sendable {
  var record: DaySealRecord
  var sealedAt: Timestamp
  var actor: String
}

/// The SQL of seals and watermarks.
enum SealStore {
  private static let columns = "number, day, previous_root, root, document, sealed_at, actor"

  static let last: Statement = """
    select \(raw: columns) from day_seal order by number desc limit 1
    """

  static func seal(of day: CivilDate) -> Statement {
    "select \(raw: columns) from day_seal where day = \(day)"
  }

  static func seal(_ number: Int64) -> Statement {
    "select \(raw: columns) from day_seal where number = \(number)"
  }

  static func seals(after number: Int64, limit: Int64) -> Statement {
    """
    select \(raw: columns) from day_seal where number > \(number) order by number limit \(limit)
    """
  }

  /// The server's time, which is the books' own, and the day of the first batch.
  static let now: Statement = """
    select clock_timestamp(), (
      select (recorded_at at time zone 'UTC')::date from batch
      where shard = \(LedgerShard.only) order by number limit 1)
    """

  /// Whether a seal was ever made, or seen by a check.
  static let isAny: Statement = """
    select exists (select from day_seal)
      or exists (select from proof_run where seal_number is not null)
    """

  /// The trigger `in_order` accepts it, or not.
  static func insert(_ seal: DaySeal, actor: String, traceID: [UInt8]) -> Statement {
    """
    insert into day_seal (number, day, previous_root, root, document, actor, trace_id)
    values (\(seal.number), \(seal.day), \(seal.previousRoot), \(seal.root), \(seal.document),
      \(actor), \(traceID))
    """
  }

  /// Whether something is recorded in the day behind what was read of it.
  static func isLonger(_ seal: DaySeal) -> Statement {
    let shards = seal.shards
    return """
      select exists (
        select from unnest(\(shards.map(\.shard)), \(shards.map(\.lastBatch))) u(shard, number)
        join batch b on b.shard = u.shard and b.number = u.number + 1
        where b.recorded_at < \(DaySealRule.end(of: seal.day)))
      """
  }

  /// Seals that earlier checks saw and the table lacks.
  static func lost(limit: Int64) -> Statement {
    """
    select distinct r.seal_number from proof_run r
    left join day_seal s on s.number = r.seal_number
    where r.kind = 'chain' and r.seal_number > 0 and s.root is distinct from r.seal_root
    order by 1 limit \(limit)
    """
  }

  /// Who hears of a seal: every merchant that has an account.
  static func merchants(limit: Int64) -> Statement {
    """
    select distinct merchant_id from account where shard = \(LedgerShard.only)
    order by 1 limit \(limit)
    """
  }

  // MARK: Books of a day

  static func batches(_ shard: Int16, after number: Int64, limit: Int64) -> Statement {
    """
    select number, transactions, first_sequence, last_sequence, recorded_at, hash from batch
    where shard = \(shard) and number > \(number) order by number limit \(limit)
    """
  }

  static func place(_ shard: Int16, _ number: Int64) -> Statement {
    "select hash, last_sequence from batch where shard = \(shard) and number = \(number)"
  }

  /// What has moved behind one place, up to another one. The lowest bit of a merchant's id says
  /// whether it is live. As text: a sum over accounts may need more than 64 bits.
  static func sums(_ shard: Int16, behind low: BookSequence, through high: BookSequence) -> Statement
  {
    """
    select (get_byte(uuid_send(merchant_id), 15) & 1) = 1, currency,
      coalesce(sum(amount_minor) filter (where side = 1), 0)::text,
      coalesce(sum(amount_minor) filter (where side = -1), 0)::text, count(*)
    from entry where shard = \(shard) and sequence > \(UUIDBits(low.bits))
      and sequence <= \(UUIDBits(high.bits))
    group by 1, 2
    """
  }

  // MARK: Watermarks

  /// It never lies ahead of the books' own time, and never goes back.
  static func report(
    _ producer: LedgerProducer,
    through: Timestamp,
    actor: String
  ) -> Statement {
    """
    insert into watermark as w (producer, day, first_reported_at, through, reported_at, actor)
    select \(producer.rawValue), (t.through at time zone 'UTC')::date, clock_timestamp(), t.through,
      clock_timestamp(), \(actor)
    from (select least(\(through), clock_timestamp()) as through) t
    on conflict (producer, day) do update set through = greatest(w.through, excluded.through),
      reported_at = excluded.reported_at, actor = excluded.actor
    """
  }

  /// One row for each producer that ever told; when it had told all of the day.
  static func watermarks(of day: CivilDate) -> Statement {
    """
    select producer, max(through), max(reported_at),
      min(first_reported_at) filter (where day > \(day))
    from watermark group by producer
    """
  }

  // MARK: Rows

  static func decode(_ row: Row) throws(PostgresError) -> StoredSeal {
    StoredSeal(
      record: DaySealRecord(
        number: try row[0, as: Int64.self],
        day: try row[1, as: CivilDate.self],
        previousRoot: try row[2, as: [UInt8].self],
        root: try row[3, as: [UInt8].self],
        document: try row[4, as: String.self]
      ),
      sealedAt: try row[5, as: Timestamp.self],
      actor: try row[6, as: String.self]
    )
  }

  static func decodeWatermarks(
    _ rows: Rows
  ) throws(PostgresError) -> [LedgerProducer: ProducerWatermark] {
    var found: [LedgerProducer: ProducerWatermark] = [:]
    for row in rows {
      guard let producer = LedgerProducer(rawValue: try row[0, as: String.self]) else { continue }
      found[producer] = ProducerWatermark(
        throughMicroseconds: try row[1, as: Timestamp.self].microseconds,
        reportedAtMicroseconds: try row[2, as: Timestamp.self].microseconds,
        passedAtMicroseconds: try row[3, as: Timestamp?.self]?.microseconds
      )
    }
    return found
  }
}
