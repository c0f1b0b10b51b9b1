import LedgerCore
import Money
import Postgres
import ServiceKit

/// The SQL of breaks: opening, changing and resolving what a run found, in one statement.
extension ReconSteps {
  /// What is wrong now: lines by their class, and items that no line answers. `key` is what a break
  /// is found by again.
  private static let found = """
    with fee as (
      select * from unnest($3, $4, $5) u(currency, basis_points, fixed)
    ), due as (
      select $6::date - $7::integer as day
    ), found as materialized (
      select l.file_id::text || ':' || l.line as key, m.class, l.file_id, l.line, m.shard,
        m.sequence, m.currency as item_currency, i.transaction_id, i.merchant_id, i.livemode,
        l.currency, case m.class
          when 'fee_mismatch' then coalesce(l.fee_minor, 0) else l.gross_minor end as reported,
        case m.class when 'fee_mismatch'
          then case when l.adds then \(expectedFee)::bigint else l.gross_minor - l.net_minor end
          else i.amount_minor end as booked,
        l.booked_on as occurred_on
      from recon_match m
      join recon_line l on l.file_id = m.file_id and l.line = m.line
      left join recon_item i on i.shard = m.shard and i.sequence = m.sequence
        and i.currency = m.currency and i.gateway = m.gateway and i.account = m.account
      left join fee s on s.currency = l.currency and l.net_currency = l.currency
      where m.gateway = $1 and m.account = $2 and m.class <> 'matched'
      union all
      select i.sequence::text || ':' || i.currency, case
          when b.net is not null then 'batch_total_mismatch'
          when i.external_reference <> '' and exists (
            select from recon_item t join recon_match m on m.shard = t.shard
              and m.sequence = t.sequence and m.currency = t.currency
              and m.gateway = t.gateway and m.account = t.account
            where t.gateway = $1 and t.account = $2
              and t.external_reference = i.external_reference and t.kind = i.kind
              and t.currency = i.currency and t.amount_minor = i.amount_minor
              and t.sequence <> i.sequence)
          then 'duplicate' else 'missing_external' end,
        null, null, i.shard, i.sequence, i.currency, i.transaction_id, i.merchant_id, i.livemode,
        i.currency, -b.net, i.amount_minor, i.effective_on
      from recon_item i
      cross join due
      left join lateral (
        -- A payout whose lines are there: what it should be is their sum.
        select sum(l.net_minor)::bigint as net from recon_line l
        join recon_match m on m.file_id = l.file_id and m.line = l.line
        where i.kind = 'payout' and l.gateway = $1 and l.account = $2
          and l.batch = i.external_reference and l.batch <> '' and l.net_currency = i.currency
          and l.type not in ('payout', 'payoutReversed') and m.class <> 'duplicate'
      ) b on true
      where i.gateway = $1 and i.account = $2 and \(isOpenItem)
        and case when b.net is null then i.effective_on <= due.day
          else b.net + i.amount_minor <> 0 end
    )
    """

  /// Answers how many were opened or reopened, and how many resolved.
  func settleBreaks(
    _ day: CivilDate,
    dueDays: Int,
    at now: Timestamp,
    _ stamp: Stamp
  ) -> Statement {
    Statement(
      sql: """
        \(Self.found), known as (
          select b.*, coalesce(b.file_id::text || ':' || b.line,
            b.sequence::text || ':' || b.item_currency) as key
          from recon_break b where b.gateway = $1 and b.account = $2
        ), news as (
          select f.*, k.id
          from found f join known k on k.key = f.key
          where k.state = 'resolved' or k.snoozed_until <= $8
            or (f.class, f.reported, f.booked) is distinct from
              (k.class, k.reported_minor, k.booked_minor)
        ), changed as (
          update recon_break b set class = n.class, shard = n.shard, sequence = n.sequence,
            item_currency = n.item_currency, merchant_id = n.merchant_id, livemode = n.livemode,
            reported_minor = n.reported, booked_minor = n.booked,
            -- As it is now: somebody may have said something of it since the run began.
            state = case when b.state in ('opened', 'reopened') then b.state else 'reopened' end,
            snoozed_until = null, version = b.version + 1, updated_at = $8, actor = $9,
            trace_id = $10
          from news n where b.id = n.id
          returning b.state
        ), opened as (
          insert into recon_break (id, gateway, account, class, file_id, line, shard, sequence,
            item_currency, merchant_id, livemode, currency, reported_minor, booked_minor,
            occurred_on, state, opened_at, updated_at, actor, trace_id)
          select ($11 || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid, $1, $2,
            f.class, f.file_id, f.line, f.shard, f.sequence, f.item_currency, f.merchant_id,
            f.livemode, f.currency, f.reported, f.booked, f.occurred_on, 'opened', $8, $8, $9, $10
          from found f where not exists (select from known k where k.key = f.key)
          returning 1
        ), resolved as (
          update recon_break b set state = 'resolved', snoozed_until = null,
            version = b.version + 1, updated_at = $8, actor = $9, trace_id = $10
          where b.gateway = $1 and b.account = $2 and b.state <> 'resolved' and not exists (
            select from known k join found f on f.key = k.key where k.id = b.id)
          returning 1
        )
        select (select count(*) from opened)
            + (select count(*) from changed where state = 'reopened'),
          (select count(*) from resolved)
        """,
      account.gateway,
      account.account,
      fees.map(\.currency),
      fees.map(\.basisPoints),
      fees.map(\.fixedMinor),
      day,
      Int32(dueDays),
      now,
      stamp.actor,
      stamp.traceID,
      Self.idHead(now)
    )
  }

  /// The first 48 bits of an id, in hexadecimal digits: ids made in SQL are ordered by time too.
  private static func idHead(_ time: Timestamp) -> String {
    let digits = String(UInt64(bitPattern: time.milliseconds) & 0xFFFF_FFFF_FFFF, radix: 16)
    return String(repeating: "0", count: 12 - digits.count) + digits
  }

  /// Breaks that ask for somebody, those of them that are critical, and the earliest day.
  func openBreaks(_ day: CivilDate) -> Statement {
    """
    select count(*), count(*) filter (
        where class <> 'fee_mismatch'
          and occurred_on <= \(day)::date - \(Int32(BreakAge.criticalDays))),
      min(occurred_on)
    from recon_break
    where gateway = \(account.gateway) and account = \(account.account)
      and state in ('opened', 'reopened', 'acknowledged')
    """
  }

  /// Lines by class, then items that no line answers: those without a break are not due, or are
  /// payouts that their lines come to.
  func classes() -> Statement {
    """
    select class, count(*) from (
      select class from recon_match
      where gateway = \(account.gateway) and account = \(account.account)
      union all
      select b.class from recon_break b
      where b.gateway = \(account.gateway) and b.account = \(account.account)
        and b.file_id is null and b.state <> 'resolved'
      union all
      select case when i.kind = 'payout' and exists (
          select from recon_line l where l.gateway = i.gateway and l.account = i.account
            and l.batch = i.external_reference and l.batch <> '')
        then 'matched' else 'timing' end
      from recon_item i
      where i.gateway = \(account.gateway) and i.account = \(account.account)
        and \(raw: Self.isOpenItem) and not exists (
          select from recon_break b where b.file_id is null and b.shard = i.shard
            and b.sequence = i.sequence and b.item_currency = i.currency
            and b.gateway = i.gateway and b.account = i.account and b.state <> 'resolved')
    ) x group by class order by class
    """
  }

  /// How many lines and items there are.
  func counts() -> Statement {
    """
    select (select count(*) from recon_line
        where gateway = \(account.gateway) and account = \(account.account)),
      (select count(*) from recon_item
        where gateway = \(account.gateway) and account = \(account.account))
    """
  }

  /// Currency, and what `ControlTotal` holds, in its order.
  func totals(through place: UUIDBits) -> Statement {
    Statement(
      sql: """
        with balances as (
          select a.currency, sum(b.debits_minor - b.credits_minor) as balance
          from account a cross join lateral balance_at(a.shard, a.id, $3, null) b
          where a.shard = $4 and a.code = $5 group by a.currency
        ), items as (
          select i.currency, sum(i.amount_minor) filter (where \(Self.isOpenItem)) as open,
            sum(i.amount_minor) filter (where not \(Self.isOpenItem)) as paired
          from recon_item i where i.gateway = $1 and i.account = $2 group by i.currency
        ), lines as (
          select l.currency, sum(l.gross_minor) filter (where m.rung is not null) as paired,
            sum(l.gross_minor) filter (where m.class in (
              'missing_internal', 'orphan_reversal', 'unknown_type')) as unbooked,
            sum(l.fee_minor) filter (where m.class <> 'duplicate'
              and coalesce(l.net_currency, l.currency) = l.currency) as fees
          from recon_line l join recon_match m on m.file_id = l.file_id and m.line = l.line
          where l.gateway = $1 and l.account = $2 group by l.currency
        )
        select coalesce(b.currency, i.currency, l.currency)::text as code,
          coalesce(b.balance, 0)::bigint, coalesce(i.open, 0)::bigint,
          coalesce(i.paired, 0)::bigint, coalesce(l.paired, 0)::bigint,
          coalesce(l.unbooked, 0)::bigint, coalesce(l.fees, 0)::bigint
        from balances b full join items i on i.currency = b.currency
        full join lines l on l.currency = coalesce(b.currency, i.currency)
        order by code
        """,
      account.gateway,
      account.account,
      place,
      LedgerShard.only,
      PostingTemplate.clearing(account)
    )
  }
}
