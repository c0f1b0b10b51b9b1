import LedgerCore
import Money
import Postgres
import Wire

/// Reads balances at an instant, and an account's entries.
enum HistoryStore {
  struct Account {
    var id: AccountID
    var side: Side
    var createdAt: Timestamp
  }

  static func account(_ code: String, _ currency: String, of merchant: MerchantID) -> Statement {
    """
    select id, normal_side, created_at from account
    where shard = \(LedgerShard.only) and merchant_id = \(merchant) and code = \(code)
      and currency = \(currency)::char(3)
    """
  }

  /// One row if this leg is one of the account's.
  static func entry(of account: AccountID, at sequence: BookSequence, _ position: Int16) -> Statement {
    """
    select 1 from entry
    where shard = \(LedgerShard.only) and sequence = \(UUIDBits(sequence.bits))
      and position = \(position) and account_id = \(account)
    """
  }

  static func decodeAccount(_ row: Row) throws(PostgresError) -> Account {
    Account(
      id: try row[0, as: AccountID.self],
      side: try row[1, as: Int16.self] == Side.debit.rawValue ? .debit : .credit,
      createdAt: try row[2, as: Timestamp.self]
    )
  }

  /// Debits and credits; then, as they are now, what is held of both, the limits, and whether it is
  /// closed.
  static func balance(
    of account: AccountID,
    recorded: Timestamp?,
    effective: Timestamp?
  ) -> Statement {
    """
    select x.debits_minor, x.credits_minor, b.debits_pending_minor, b.credits_pending_minor,
      b.net_minimum_minor, b.net_maximum_minor, b.closed
    from balance_at(\(LedgerShard.only), \(account),
      books_at(\(LedgerShard.only), \(recorded)), \(effective)) x
    join balance b on b.shard = \(LedgerShard.only) and b.account_id = \(account)
    """
  }

  /// Debits and credits through a place.
  static func balance(of account: AccountID, through sequence: BookSequence) -> Statement {
    """
    select debits_minor, credits_minor from balance_at(\(LedgerShard.only), \(account),
      \(UUIDBits(sequence.bits)), \(Timestamp?.none))
    """
  }

  /// In the form of `BalanceStore.accounts`, behind an account's code and currency.
  static func accounts(
    of merchant: MerchantID,
    through sequence: BookSequence,
    effective: Timestamp?,
    after account: (code: String, currency: String)?,
    limit: Int64
  ) -> Statement {
    """
    select a.id, a.code, a.currency, a.normal_side, b.debits_minor, b.credits_minor, a.created_at
    from (
      select * from account where shard = \(LedgerShard.only) and merchant_id = \(merchant)
        and (code, currency) > (\(account?.code ?? ""), \(account?.currency ?? "")::char(3))
      order by code, currency limit \(limit)
    ) a
    cross join lateral balance_at(\(LedgerShard.only), a.id, \(UUIDBits(sequence.bits)),
      \(effective)) b
    order by a.code, a.currency
    """
  }

  /// Code and currency, if the account is this merchant's.
  static func names(of account: AccountID, _ merchant: MerchantID) -> Statement {
    """
    select code, currency::text from account
    where shard = \(LedgerShard.only) and id = \(account) and merchant_id = \(merchant)
    """
  }

  /// Behind everything that is recorded so far.
  static func end() -> Statement {
    """
    select coalesce(
      (select last_sequence from batch where shard = \(LedgerShard.only)
       order by number desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid)
    """
  }

  static func place(_ recorded: Timestamp?) -> Statement {
    "select books_at(\(LedgerShard.only), \(recorded))"
  }

  /// Entries behind one place and through another, in the order of the books.
  static func entries(
    of account: AccountID,
    after low: BookSequence,
    _ position: Int16,
    through high: BookSequence,
    limit: Int64
  ) -> Statement {
    """
    select e.sequence, e.position, e.side, e.currency, e.amount_minor, t.id, t.kind, t.subject,
      t.external_reference, t.effective_at, b.recorded_at, t.metadata_keys, t.metadata_values
    from (
      select sequence, position, side, currency, amount_minor from entry
      where shard = \(LedgerShard.only) and account_id = \(account)
        and sequence >= \(UUIDBits(low.bits)) and sequence <= \(UUIDBits(high.bits))
        and (sequence, position) > (\(UUIDBits(low.bits)), \(position))
      order by sequence, position limit \(limit)
    ) e
    join transaction t on t.shard = \(LedgerShard.only) and t.sequence = e.sequence
    join batch b on b.shard = \(LedgerShard.only) and b.number = t.batch
    order by e.sequence, e.position
    """
  }

  /// Debits less credits of an account's legs of one transaction behind a position.
  static func rest(
    of account: AccountID,
    in sequence: BookSequence,
    behind position: Int16
  ) -> Statement {
    """
    select coalesce(sum(side * amount_minor), 0)::bigint from entry
    where shard = \(LedgerShard.only) and sequence = \(UUIDBits(sequence.bits))
      and account_id = \(account) and position > \(position)
    """
  }
}
