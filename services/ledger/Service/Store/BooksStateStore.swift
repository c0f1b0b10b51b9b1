import LedgerCore
import Money
import Postgres

/// What a batch asks the books before it is decided on.
struct BooksQuestion: Sendable {
  private var ids: [LedgerTransactionID] = []
  /// Held transactions that it ends, and booked ones that it takes back.
  private var others: [LedgerTransactionID] = []
  private var linked: [LedgerTransactionID] = []
  private var accounts: Set<AccountID> = []

  init(_ items: [PendingPosting], accounts directory: AccountDirectory) {
    var isChained = false
    for item in items {
      let posting = item.posting
      ids.append(posting.command.id)
      if let other = posting.action.pending ?? posting.action.reversed { others.append(other) }
      if isChained || item.isLinked { linked.append(posting.command.id) }
      isChained = item.isLinked
      for entry in posting.entries {
        accounts.insert(directory.id(of: entry, of: posting.merchant))
      }
    }
  }

  /// One round trip, under the shard's lock: what is read is what will be written upon. By key, for
  /// plans are kept while tables grow.
  ///
  /// - Parameter now: nil for the database's clock.
  func statements(now: Timestamp?) -> [Statement] {
    [
      ProofStore.byKey, BooksStateStore.lock, BooksStateStore.time(now),
      BooksStateStore.existing(ids),
      BooksStateStore.rejected(ids), BooksStateStore.pendings(others),
      BooksStateStore.reversible(others),
      BooksStateStore.accounts(Array(accounts), of: others),
      TransactionStore.byIDs(linked), BooksStateStore.sealedUntil,
    ]
  }

  /// Nil if something that is held is due to be released first.
  static func state(_ rows: [Rows]) throws -> BooksState? {
    let (now, isDue) = try rows[2].single().decode((Timestamp, Bool).self)
    if isDue { return nil }
    var state = BooksState(nowMicroseconds: now.microseconds)
    state.existing = Set(try rows[3].column(as: LedgerTransactionID.self))
    for row in rows[4] {
      state.rejected[try row[0, as: LedgerTransactionID.self]] = try row[1, as: String.self]
    }
    for row in rows[5] { try BooksStateStore.decodePending(row, into: &state) }
    for row in rows[6] { try BooksStateStore.decodeReversible(row, into: &state) }
    for row in rows[7] {
      state.accounts[try row[0, as: AccountID.self]] = try BooksStateStore.decodeAccount(row)
    }
    for transaction in try TransactionStore.decode(rows[8]) {
      state.contents[transaction.recorded.id] = transaction.submitted
    }
    state.sealedUntilMicroseconds = try rows[9].single()[0, as: Timestamp?.self]?.microseconds
    return state
  }
}

/// The SQL of decisions. Everything is read by key.
enum BooksStateStore {
  /// Most held transactions that one batch releases because their time is over.
  static let expiriesMax: Int64 = 1_000

  /// As `write_batch` takes it.
  static let lock: Statement = """
    select pg_advisory_xact_lock(1279607879, \(Int32(LedgerShard.only)))
    """

  /// The ledger's own time, which is what the next batch is recorded at, and whether something that
  /// is held is due by then.
  static func time(_ now: Timestamp?) -> Statement {
    """
    select t.now, exists (
      select from pending_open o where o.shard = \(LedgerShard.only) and o.expires_at <= t.now)
    from (
      select greatest(coalesce(\(now), clock_timestamp()), sealed_until(), (
        select recorded_at from batch where shard = \(LedgerShard.only)
        order by number desc limit 1)) as now
    ) t
    """
  }

  static let sealedUntil: Statement = "select sealed_until()"

  static func existing(_ ids: [LedgerTransactionID]) -> Statement {
    "select id from movement where shard = \(LedgerShard.only) and id = any(\(ids))"
  }

  static func rejected(_ ids: [LedgerTransactionID]) -> Statement {
    "select id, reason from rejection where shard = \(LedgerShard.only) and id = any(\(ids))"
  }

  static func pendings(_ ids: [LedgerTransactionID]) -> Statement {
    """
    select t.id, t.merchant_id, p.account_id, a.code, p.side, p.currency, p.amount_minor,
      t.expires_at, r.phase
    from movement m
    join transaction t on t.shard = m.shard and t.sequence = m.sequence and t.phase = 1
    join pending_entry p on p.shard = t.shard and p.sequence = t.sequence
    join account a on a.shard = p.shard and a.id = p.account_id
    left join pending_resolution r on r.shard = m.shard and r.pending_id = m.id
    where m.shard = \(LedgerShard.only) and m.id = any(\(ids))
    order by t.sequence, p.position
    """
  }

  static func reversible(_ ids: [LedgerTransactionID]) -> Statement {
    """
    select t.id, t.merchant_id, e.account_id, a.code, e.side, e.currency, e.amount_minor,
      v.sequence is not null
    from movement m
    join transaction t on t.shard = m.shard and t.sequence = m.sequence
    join entry e on e.shard = t.shard and e.sequence = t.sequence
    join account a on a.shard = e.shard and a.id = e.account_id
    left join reversal v on v.shard = m.shard and v.reversed_id = m.id
    where m.shard = \(LedgerShard.only) and m.id = any(\(ids))
    order by t.sequence, e.position
    """
  }

  /// These accounts, and those that the other transactions have legs on.
  static func accounts(_ ids: [AccountID], of others: [LedgerTransactionID]) -> Statement {
    """
    select b.account_id, a.normal_side, b.debits_posted_minor, b.credits_posted_minor,
      b.debits_pending_minor, b.credits_pending_minor, b.net_minimum_minor, b.net_maximum_minor,
      b.closed
    from balance b join account a on a.shard = b.shard and a.id = b.account_id
    where b.shard = \(LedgerShard.only) and b.account_id = any(array(
      select unnest(\(ids)) union
      select e.account_id from movement m
      join entry e on e.shard = m.shard and e.sequence = m.sequence
      where m.shard = \(LedgerShard.only) and m.id = any(\(others)) union
      select p.account_id from movement m
      join pending_entry p on p.shard = m.shard and p.sequence = m.sequence
      where m.shard = \(LedgerShard.only) and m.id = any(\(others))))
    """
  }

  /// Held transactions that are due, those first that have been for longest.
  static func due(_ now: Timestamp?) -> Statement {
    """
    select t.id, t.merchant_id, t.kind, t.subject, t.external_reference, t.expires_at, o.now
    from (
      -- The clock is read once: as the inner side of a join it would be read for each leg, and a hold be
      -- due as often as it has legs.
      with c as materialized (
        select greatest(coalesce(\(now), clock_timestamp()), sealed_until(), (
          select recorded_at from batch where shard = \(LedgerShard.only)
          order by number desc limit 1)) as now
      )
      select distinct d.pending_id, d.expires_at, c.now
      from c join pending_open d on d.shard = \(LedgerShard.only) and d.expires_at <= c.now
      order by d.expires_at, d.pending_id limit \(expiriesMax)
    ) o
    join movement m on m.shard = \(LedgerShard.only) and m.id = o.pending_id
    join transaction t on t.shard = m.shard and t.sequence = m.sequence
    order by t.expires_at, t.id
    """
  }

  // MARK: Rows

  static func decodePending(_ row: Row, into state: inout BooksState) throws(PostgresError) {
    let id = try row[0, as: LedgerTransactionID.self]
    let phase = try row[8, as: Int16?.self].flatMap { PostingAction.Phase(rawValue: $0) }
    if state.pendings[id] == nil {
      state.pendings[id] = PendingState(
        merchant: try row[1, as: MerchantID.self],
        expiresAtMicroseconds: try row[7, as: Timestamp.self].microseconds,
        legs: [],
        ending: phase
      )
    }
    state.pendings[id]?.legs.append(try decodeLeg(row))
  }

  static func decodeReversible(_ row: Row, into state: inout BooksState) throws(PostgresError) {
    let id = try row[0, as: LedgerTransactionID.self]
    if state.reversible[id] == nil {
      state.reversible[id] = ReversibleState(
        merchant: try row[1, as: MerchantID.self],
        legs: [],
        isReversed: try row[7, as: Bool.self]
      )
    }
    state.reversible[id]?.legs.append(try decodeLeg(row))
  }

  private static func decodeLeg(_ row: Row) throws(PostgresError) -> BookedLeg {
    BookedLeg(
      account: try row[2, as: AccountID.self],
      code: try row[3, as: String.self],
      side: try row[4, as: Int16.self] == Side.debit.rawValue ? .debit : .credit,
      currency: try row[5, as: Currency.self],
      amountMinor: try row[6, as: Int64.self]
    )
  }

  static func decodeAccount(_ row: Row) throws(PostgresError) -> AccountState {
    let side: Side = try row[1, as: Int16.self] == Side.debit.rawValue ? .debit : .credit
    return AccountState(
      normalSide: side,
      posted: .init(
        debitsMinor: try row[2, as: Int64.self],
        creditsMinor: try row[3, as: Int64.self]
      ),
      pending: .init(
        debitsMinor: try row[4, as: Int64.self],
        creditsMinor: try row[5, as: Int64.self]
      ),
      limits: limits(side, try row[6, as: Int64?.self], try row[7, as: Int64?.self]),
      isClosed: try row[8, as: Bool.self]
    )
  }

  /// On the normal side, from those of debits less credits.
  static func limits(_ side: Side, _ netMinimum: Int64?, _ netMaximum: Int64?) -> AccountLimits {
    let limits =
      side == .debit
      ? AccountLimits(minimumMinor: netMinimum, maximumMinor: netMaximum)
      : AccountLimits(
        minimumMinor: netMaximum.map { 0 &- $0 },
        maximumMinor: netMinimum.map { 0 &- $0 }
      )
    return limits ?? .none
  }
}
