import LedgerCore
import Money
import Postgres
import ServiceKit

/// A proposal to write a difference off, and who approved it.
struct WriteOffRecord: Sendable {
  var id: WriteOffID
  var reconBreak: ReconBreakID
  var book: ReconBook
  var merchant: MerchantID
  /// What was reported less what was booked.
  var amount: Amount
  var words: String
  var proposedBy: String
  var proposedAt: Timestamp
  var approvedBy: String?
  var approvedAt: Timestamp?
  var transaction: LedgerTransactionID?

  /// A row of `ReconSettlements.columns`.
  init(_ row: Row) throws {
    id = try row[0, as: WriteOffID.self]
    reconBreak = try row[1, as: ReconBreakID.self]
    book = ReconBook(
      GatewayAccount(gateway: try row[2, as: String.self], account: try row[3, as: String.self]),
      isLive: try row[4, as: Bool.self]
    )
    merchant = try row[5, as: MerchantID.self]
    amount = Amount(try row[6, as: Currency.self], minor: try row[7, as: Int64.self])
    words = try row[8, as: String.self]
    proposedBy = try row[9, as: String.self]
    proposedAt = try row[10, as: Timestamp.self]
    approvedBy = try row[11, as: String?.self]
    approvedAt = try row[12, as: Timestamp?.self]
    transaction = try row[13, as: LedgerTransactionID?.self]
  }
}

/// The SQL of what people decide about breaks. Rows are only added.
enum ReconSettlements {
  private static let columns = """
    w.id, w.break_id, w.gateway, w.account, w.livemode, w.merchant_id, w.currency, w.amount_minor,
    w.words, w.actor, w.created_at, a.actor, a.created_at, a.transaction_id
    """
  private static let tables = """
    recon_write_off w left join recon_write_off_approval a on a.write_off_id = w.id
    """

  static func insert(
    _ transaction: LedgerTransactionID,
    _ kind: SettlementKind,
    _ amount: Amount,
    of found: ReconBreakRecord,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into recon_settlement (transaction_id, break_id, gateway, account, livemode, kind,
      currency, amount_minor, settled_at, actor, trace_id)
    values (\(transaction), \(found.id), \(found.book.account.gateway),
      \(found.book.account.account), \(found.book.isLive), \(kind.rawValue), \(amount.currency),
      \(amount.minor), \(now), \(stamp.actor), \(stamp.traceID))
    """
  }

  /// What earlier settlements of a break come to, and how many there are.
  static func settled(_ id: ReconBreakID) -> Statement {
    """
    select coalesce(sum(amount_minor), 0)::bigint, count(*) from recon_settlement
    where break_id = \(id)
    """
  }

  static func propose(
    _ id: WriteOffID,
    _ amount: Amount,
    of found: ReconBreakRecord,
    _ merchant: MerchantID,
    _ words: String,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into recon_write_off (id, break_id, gateway, account, livemode, merchant_id, currency,
      amount_minor, words, created_at, actor, trace_id)
    values (\(id), \(found.id), \(found.book.account.gateway), \(found.book.account.account),
      \(found.book.isLive), \(merchant), \(amount.currency), \(amount.minor), \(words), \(now),
      \(stamp.actor), \(stamp.traceID))
    """
  }

  static func approve(
    _ id: WriteOffID,
    _ transaction: LedgerTransactionID,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    """
    insert into recon_write_off_approval (write_off_id, transaction_id, created_at, actor, trace_id)
    values (\(id), \(transaction), \(now), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func load(_ id: WriteOffID) -> Statement {
    "select \(raw: columns) from \(raw: tables) where w.id = \(id)"
  }

  /// Of one break, newest first.
  static func list(of id: ReconBreakID, limit: Int64) -> Statement {
    """
    select \(raw: columns) from \(raw: tables) where w.break_id = \(id)
    order by w.number desc limit \(limit)
    """
  }

  /// By id, which is by time of proposing; without `all` the newest of each break, if nobody has
  /// approved it and its break is not over.
  static func list(all: Bool, after id: WriteOffID, limit: Int64) -> Statement {
    """
    select \(raw: columns) from \(raw: tables)
    where w.id > \(id) and (\(all) or (a.write_off_id is null
      and not exists (
        select from recon_write_off n where n.break_id = w.break_id and n.number > w.number)
      and exists (
        select from recon_break b where b.id = w.break_id and b.state <> 'resolved')))
    order by w.id limit \(limit)
    """
  }
}
