import LedgerCore
import Money
import Outbox
package import Postgres

/// Tells people of accounts that are beyond a limit: facts take them there, which nobody refuses.
package struct LimitAlerts: Sendable {
  static let kind = "account_limit_passed"
  /// Accounts of one look; the next look comes to the others.
  static let changesMax: Int64 = 100

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  /// Raises an alert for each account that went beyond a limit, and ends those of accounts that are
  /// back; how many have changed.
  @discardableResult
  package func look() async throws -> Int {
    // Mostly nothing has, and nobody need wait for the shard's lock to learn that.
    let look = try await database.transaction(batch: [ProofStore.byKey, Self.changes])[1]
    guard !look.isEmpty else { return 0 }
    return try await database.transaction { transaction in
      // Nobody books, nor sets a limit, meanwhile.
      let rows = try await transaction.batch([
        ProofStore.byKey, BooksStateStore.lock, Self.changes,
      ])[2]
      let statements = try rows.map { try Self.statement($0) }
      try await transaction.commit(with: statements)
      return statements.count
    }
  }

  /// Accounts with limits of which what is told is not so any more. In numeric: sums of 64 bits may
  /// have no difference of 64 bits.
  private static let changes: Statement = """
    select b.account_id, a.normal_side, b.debits_posted_minor, b.credits_posted_minor,
      b.debits_pending_minor, b.credits_pending_minor, b.net_minimum_minor, b.net_maximum_minor,
      b.closed, a.merchant_id, a.code, a.currency, k.dedup_key
    from (select distinct account_id from account_limit where shard = \(LedgerShard.only)) l
    join account a on a.shard = \(LedgerShard.only) and a.id = l.account_id
    join balance b on b.shard = \(LedgerShard.only) and b.account_id = l.account_id
    cross join lateral (select \(kind) || ':' || l.account_id as dedup_key) k
    where (
        coalesce(b.debits_posted_minor::numeric - b.credits_posted_minor - b.credits_pending_minor
          < b.net_minimum_minor, false)
        or coalesce(b.debits_posted_minor::numeric - b.credits_posted_minor + b.debits_pending_minor
          > b.net_maximum_minor, false))
      <> exists (select from alert o where o.dedup_key = k.dedup_key and o.state = 'open')
    order by l.account_id limit \(changesMax)
    """

  private static func statement(_ row: Row) throws(PostgresError) -> Statement {
    let key = try row[12, as: String.self]
    guard let bound = try BooksStateStore.decodeAccount(row).passed else {
      return Alerts.resolve(dedupKeys: [key], actor: PostingAlerts.actor)
    }
    let (code, currency) = (try row[10, as: String.self], try row[11, as: String.self])
    return Alerts.raise(
      Alert(
        .critical,
        kind: kind,
        subject: "\(code) \(currency)",
        message:
          "`\(code)` (\(currency)) is beyond its \(bound), counting what is held: what happened is "
          + "always booked, and who asks first is refused until it is back. Look at `tender ledger "
          + "statement \(code) --currency \(currency)`, then move money, or set the limits anew "
          + "with `tender ledger limit`: this alert ends by itself then.",
        actor: PostingAlerts.actor,
        merchant: UUIDBits(try row[9, as: MerchantID.self].bits),
        dedupKey: key
      )
    )
  }
}
