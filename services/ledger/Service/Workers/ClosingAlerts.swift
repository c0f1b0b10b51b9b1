import LedgerCore
import Money
import Outbox
package import Postgres

/// Tells people of closed accounts on which something was booked: facts, which nobody refuses.
package struct ClosingAlerts: Sendable {
  static let kind = "closed_account_moved"
  /// Accounts of one look; the next look comes to the others.
  static let changesMax: Int64 = 100

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  /// Raises an alert for each account that has moved since it was closed, and ends those of accounts
  /// that were opened again, or closed anew as they are; how many have changed.
  @discardableResult
  package func look() async throws -> Int {
    // Mostly nothing has, and nobody need wait for the shard's lock to learn that.
    let look = try await database.transaction(batch: [ProofStore.byKey, Self.changes])[1]
    guard !look.isEmpty else { return 0 }
    return try await database.transaction { transaction in
      // Nobody books, nor closes an account, meanwhile.
      let rows = try await transaction.batch([
        ProofStore.byKey, BooksStateStore.lock, Self.changes,
      ])[2]
      let statements = try rows.map { try Self.statement($0) }
      try await transaction.commit(with: statements)
      return statements.count
    }
  }

  /// Accounts that were ever closed, of which what is told is not so any more.
  private static let changes: Statement = """
    select a.merchant_id, a.code, a.currency, k.dedup_key, k.has_moved
    from (select distinct account_id from account_closing where shard = \(LedgerShard.only)) l
    join account a on a.shard = \(LedgerShard.only) and a.id = l.account_id
    join balance b on b.shard = \(LedgerShard.only) and b.account_id = l.account_id
    cross join lateral (
      select n.entries from account_closing n
      where n.shard = \(LedgerShard.only) and n.account_id = l.account_id
      order by n.version desc limit 1) c
    cross join lateral (
      select \(kind) || ':' || l.account_id as dedup_key,
        b.closed and b.entries > c.entries as has_moved) k
    where k.has_moved
      <> exists (select from alert o where o.dedup_key = k.dedup_key and o.state = 'open')
    order by l.account_id limit \(changesMax)
    """

  private static func statement(_ row: Row) throws(PostgresError) -> Statement {
    let key = try row[3, as: String.self]
    guard try row[4, as: Bool.self] else {
      return Alerts.resolve(dedupKeys: [key], actor: PostingAlerts.actor)
    }
    let (code, currency) = (try row[1, as: String.self], try row[2, as: String.self])
    return Alerts.raise(
      Alert(
        .critical,
        kind: kind,
        subject: "\(code) \(currency)",
        message:
          "`\(code)` (\(currency)) is closed, and something that happened was booked on it. Look at "
          + "`tender ledger statement \(code) --currency \(currency)`; then stop what still moves "
          + "it, and close it again as it is, or open it with `tender ledger reopen`: this alert "
          + "ends by itself then.",
        actor: PostingAlerts.actor,
        merchant: UUIDBits(try row[0, as: MerchantID.self].bits),
        dedupKey: key
      )
    )
  }
}
