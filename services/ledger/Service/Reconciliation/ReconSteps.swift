import LedgerCore
import Money
import Postgres
import ReportFormats

/// The SQL of a run: each statement takes all open lines of the book at once. What has matched is in
/// no open set any more (migration 0005), so that a run costs what is open and what is new.
struct ReconSteps: Sendable {
  let run: ReconRunID
  let book: ReconBook
  let fees: [FeeSchedule.Terms]

  var account: GatewayAccount { book.account }
  /// One row of the pairing table for each type and kind.
  let pairings: [(type: String, family: String, kind: String)]

  init(_ run: ReconRunID, _ book: ReconBook, _ fees: FeeSchedule) {
    self.run = run
    self.book = book
    self.fees = fees.terms(at: book.account)
    pairings = ReconPairing.all.flatMap { pairing in
      pairing.kinds.map { (pairing.type.rawValue, pairing.family.rawValue, $0.rawValue) }
    }
  }

  /// Of an item of whatever table: nothing is paired with it. By the key of `recon_match`.
  static let isOpenItem = """
    not exists (
      select from recon_match m
      where m.shard = i.shard and m.sequence = i.sequence and m.currency = i.currency
        and m.gateway = i.gateway and m.account = i.account)
    """

  /// Of an open item without a break: it asks for no line all the same, as a payout whose lines are there
  /// (one that they do not come to has a break), or as what people have settled, or settled it by.
  static let asksForNoLine = """
    (i.kind = 'payout' and exists (
      select from recon_batch n where n.gateway = i.gateway and n.account = i.account
        and n.livemode = i.livemode and n.batch = i.external_reference and n.currency = i.currency)
      or exists (
        select from recon_settlement s where s.transaction_id = i.transaction_id)
      or exists (
        select from recon_break b join recon_settlement s on s.break_id = b.id
        where b.file_id is null and b.shard = i.shard and b.sequence = i.sequence
          and b.item_currency = i.currency and b.gateway = i.gateway and b.account = i.account))
    """

  /// Of an open item: a break that is not resolved says what is wrong with it.
  static let hasBreak = """
    exists (
      select from recon_break b where b.file_id is null and b.shard = i.shard
        and b.sequence = i.sequence and b.item_currency = i.currency
        and b.gateway = i.gateway and b.account = i.account and b.state <> 'resolved')
    """

  /// Plans are made for what the tables hold now, and nothing is compiled for them.
  static func settings() -> Statement {
    """
    select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
      set_config('plan_cache_mode', 'force_custom_plan', true)
    """
  }

  /// A run is one transaction: its statements may take longer than others, and no longer than the run.
  static func limit(statementMilliseconds: Int64) -> Statement {
    "select set_config('statement_timeout', \(String(statementMilliseconds)), true)"
  }

  /// What earlier runs found, but for what has matched.
  func forget() -> Statement {
    """
    delete from recon_match
    where gateway = \(account.gateway) and account = \(account.account)
      and livemode = \(book.isLive) and class <> 'matched'
    """
  }

  /// The last item that was taken.
  func lastTaken() -> Statement {
    """
    select coalesce((
      select sequence from recon_item
      where gateway = \(account.gateway) and account = \(account.account)
      order by sequence desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid)
    """
  }

  /// Takes over what the books have on the clearing accounts, live and test, behind a place and
  /// through another: sequences ascend with the commits, so nothing appears behind the last one
  /// taken. Both are values, so that the planner knows how much lies between.
  func takeItems(after last: UUIDBits, through place: UUIDBits) -> Statement {
    Statement(
      sql: """
        insert into recon_item (shard, sequence, currency, gateway, account, transaction_id,
          merchant_id, livemode, kind, external_reference, amount_minor, effective_on)
        select e.shard, e.sequence, e.currency, $1, $2, t.id, t.merchant_id, bool_or(a.livemode),
          t.kind, t.external_reference, sum(e.side * e.amount_minor)::bigint,
          (t.effective_at at time zone 'UTC')::date
        from account a
        join entry e on e.shard = a.shard and e.account_id = a.id
        -- Each by its key, whatever the planner thinks of how many there are.
        cross join lateral (
          select id, merchant_id, kind, external_reference, effective_at from transaction
          where shard = e.shard and sequence = e.sequence limit 1
        ) t
        where a.shard = $3 and a.code = $4 and e.sequence > $6 and e.sequence <= $5
        group by e.shard, e.sequence, e.currency, t.id, t.merchant_id, t.kind,
          t.external_reference, t.effective_at
        having sum(e.side * e.amount_minor) <> 0
        -- As the keys ascend: each index of them grows at its end.
        order by e.shard, e.sequence, e.currency
        """,
      account.gateway,
      account.account,
      LedgerShard.only,
      PostingTemplate.clearing(account),
      place,
      last
    )
  }

  /// Before any pairing: types that no booking is known for, and what was reported before.
  func setAside() -> [Statement] {
    let types = Array(Set(pairings.map(\.type))).sorted()
    return [
      Statement(
        sql: """
          insert into recon_match (file_id, line, gateway, account, livemode, class)
          select o.file_id, o.line, $1, $2, $3, 'unknown_type' from recon_open_line o
          where o.gateway = $1 and o.account = $2 and o.livemode = $3 and o.type <> all ($4)
          """,
        account.gateway,
        account.account,
        book.isLive,
        types
      ),
      Statement(
        sql: """
          insert into recon_match (file_id, line, gateway, account, livemode, class)
          select o.file_id, o.line, $1, $2, $3, 'duplicate' from recon_open_line o
          where o.gateway = $1 and o.account = $2 and o.livemode = $3 and o.type = any ($4)
            and o.movement_reference <> '' and exists (
              select from recon_line e
              -- By the movement's index and no other one: an account or a batch has many lines.
              where e.gateway || '' = $1 and e.account || '' = $2 and e.livemode = $3
                and e.movement_reference <> '' and e.movement_reference = o.movement_reference
                and e.type_text = o.type_text and e.payment_reference || '' = o.payment_reference
                and e.batch || '' = o.batch and e.currency = o.currency
                -- Mostly it is the line itself.
                and case when e.file_id = o.file_id then e.line < o.line
                  else (select number from recon_file where id = e.file_id)
                    < (select number from recon_file where id = o.file_id) end)
          """,
        account.gateway,
        account.account,
        book.isLive,
        types
      ),
    ]
  }

  /// `FeeSchedule.Terms.expectedMinor`; null without terms.
  static let expectedFee = """
    (floor((l.gross_minor::numeric * s.basis_points + 5000) / 10000) + s.fixed)
    """

  /// `FeeSchedule.agrees`.
  static let exactClass = """
    case when not l.adds or (s.currency is not null and l.fee_minor is not null
        and (l.gross_minor < 0 or abs(l.fee_minor - \(expectedFee)) > s.tolerance))
      then 'fee_mismatch' else 'matched' end
    """

  /// What is left is not booked; a reversal whose payment nobody knows is an orphan.
  func closeLines() -> Statement {
    let reversals = ReconPairing.all.filter(\.isReversal).map(\.type.rawValue)
    return Statement(
      sql: """
        insert into recon_match (file_id, line, gateway, account, livemode, class)
        select l.file_id, l.line, $1, $2, $3, case
          when l.type = any ($4) and l.payment_reference <> '' and not exists (
              select from recon_item i where i.gateway || '' = $1 and i.account || '' = $2
                and i.livemode = $3 and i.external_reference <> ''
                and i.external_reference = l.payment_reference)
            and not exists (
              select from recon_line o where o.gateway || '' = $1 and o.account || '' = $2
                and o.livemode = $3 and o.payment_reference <> ''
                and o.payment_reference = l.payment_reference and o.type = 'captured')
          then 'orphan_reversal' else 'missing_internal' end
        from recon_open_line l
        where l.gateway = $1 and l.account = $2 and l.livemode = $3 and not exists (
          select from recon_match m where m.file_id = l.file_id and m.line = l.line)
        """,
      account.gateway,
      account.account,
      book.isLive,
      reversals
    )
  }
}
