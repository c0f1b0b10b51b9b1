import LedgerCore
import Money
import Postgres
import ServiceKit
import Wire

/// Reads accounts, balances and totals.
enum BalanceStore {
  private static let current = """
    select a.id, a.code, a.currency, a.normal_side, b.debits_posted_minor, b.credits_posted_minor,
      a.created_at, b.debits_pending_minor, b.credits_pending_minor, b.net_minimum_minor,
      b.net_maximum_minor, b.closed
    from account a join balance b on b.shard = a.shard and b.account_id = a.id
    """

  static func accounts(of merchant: MerchantID, limit: Int64) -> Statement {
    """
    \(raw: current)
    where a.shard = \(LedgerShard.only) and a.merchant_id = \(merchant)
    order by a.code, a.currency limit \(limit)
    """
  }

  static func account(_ id: AccountID) -> Statement {
    "\(raw: current) where a.shard = \(LedgerShard.only) and a.id = \(id)"
  }

  /// Makes the account if it is new; answers the version of its limits.
  static func setLimits(
    _ limits: AccountLimits,
    of key: AccountKey,
    _ line: ChartLine,
    _ stamp: Stamp
  ) -> Statement {
    """
    select set_account_limit(\(LedgerShard.only), \(key.id), \(key.merchant),
      \(key.merchant.isLive), \(key.code), \(key.currency.code), \(line.accountClass.rawValue),
      \(line.normalSide.rawValue), \(limits.minimumMinor), \(limits.maximumMinor),
      \(stamp.actor), \(stamp.traceID))
    """
  }

  /// Makes the account if it is new; answers false if something is held on one that is to be closed.
  static func setClosed(
    _ isClosed: Bool,
    _ key: AccountKey,
    _ line: ChartLine,
    _ stamp: Stamp
  ) -> Statement {
    """
    select set_account_closed(\(LedgerShard.only), \(key.id), \(key.merchant),
      \(key.merchant.isLive), \(key.code), \(key.currency.code), \(line.accountClass.rawValue),
      \(line.normalSide.rawValue), \(isClosed), \(stamp.actor), \(stamp.traceID))
    """
  }

  /// With what is held, the limits, and whether it is closed, as they are now.
  static func decodeCurrentAccount(
    _ row: Row,
    of merchant: MerchantID
  ) throws(PostgresError) -> LedgerV1.Account {
    var account = try decodeAccount(row, of: merchant)
    try decodeHeldAndLimits(row, at: 7, into: &account)
    return account
  }

  /// Five columns of `balance`: held debits and credits, the limits of debits less credits, closed.
  static func decodeHeldAndLimits(
    _ row: Row,
    at first: Int,
    into account: inout LedgerV1.Account
  ) throws(PostgresError) {
    account.debitsPendingMinor = try row[first, as: Int64.self]
    account.creditsPendingMinor = try row[first + 1, as: Int64.self]
    let limits = BooksStateStore.limits(
      account.normalSide == .debit ? .debit : .credit,
      try row[first + 2, as: Int64?.self],
      try row[first + 3, as: Int64?.self]
    )
    account.minimumBalanceMinor = limits.minimumMinor
    account.maximumBalanceMinor = limits.maximumMinor
    account.closed = try row[first + 4, as: Bool.self]
  }

  static func decodeAccount(
    _ row: Row,
    of merchant: MerchantID
  ) throws(PostgresError) -> LedgerV1.Account {
    let side = try row[3, as: Int16.self]
    let (debits, credits) = (try row[4, as: Int64.self], try row[5, as: Int64.self])
    // Both are not negative, unless rows were tampered with: that must not end the process.
    return LedgerV1.Account(
      id: try row[0, as: AccountID.self].description,
      merchantID: merchant.description,
      code: try row[1, as: String.self],
      currency: try row[2, as: String.self],
      normalSide: side == Side.debit.rawValue ? .debit : .credit,
      debitsPostedMinor: debits,
      creditsPostedMinor: credits,
      balanceMinor: side == Side.debit.rawValue ? debits &- credits : credits &- debits,
      createdAt: GoogleProtobuf.Timestamp(try row[6, as: Timestamp.self])
    )
  }

  /// Per currency, from the balances and from the entries, in one snapshot.
  static func trialBalance(of merchant: MerchantID) -> Statement {
    """
    with own as (
      select id, currency from account where shard = \(LedgerShard.only)
        and merchant_id = \(merchant)
    ), balances as (
      select o.currency, sum(b.debits_posted_minor) as debits,
        sum(b.credits_posted_minor) as credits
      from own o join balance b on b.shard = \(LedgerShard.only) and b.account_id = o.id
      group by o.currency
    ), entries as (
      select e.currency, sum(e.amount_minor) filter (where e.side = 1) as debits,
        sum(e.amount_minor) filter (where e.side = -1) as credits,
        count(distinct e.sequence) as transactions
      from own o join entry e on e.shard = \(LedgerShard.only) and e.account_id = o.id
      group by e.currency
    )
    select b.currency, b.debits::bigint, b.credits::bigint,
      coalesce(e.transactions, 0), coalesce(e.debits, 0)::bigint, coalesce(e.credits, 0)::bigint
    from balances b left join entries e on e.currency = b.currency
    order by b.currency
    """
  }

  static func decodeLine(_ row: Row) throws(PostgresError) -> LedgerV1.TrialBalanceLine {
    LedgerV1.TrialBalanceLine(
      currency: try row[0, as: String.self],
      debitsMinor: try row[1, as: Int64.self],
      creditsMinor: try row[2, as: Int64.self],
      transactions: UInt64(try row[3, as: Int64.self]),
      entriesDebitsMinor: try row[4, as: Int64.self],
      entriesCreditsMinor: try row[5, as: Int64.self]
    )
  }
}
