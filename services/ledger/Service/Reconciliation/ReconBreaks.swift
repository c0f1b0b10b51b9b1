import LedgerCore
import Money
import Postgres
import ServiceKit

/// The SQL of breaks: opening, changing and resolving what a run found, in one statement.
extension ReconSteps {
  /// What is wrong now: lines by their class, and items that no line answers; each with the break
  /// that says so already, looked up by its key: those that are over are not read.
  private static let found = """
    with fee as (
      select * from unnest($4, $5, $6) u(currency, basis_points, fixed)
    ), due as (
      select $7::date - $8::integer as day
    ), twice as (
      select l.batch, l.net_currency, sum(l.net_minor)::bigint as net
      from recon_match m join recon_line l on l.file_id = m.file_id and l.line = m.line
      where m.gateway = $1 and m.account = $2 and m.livemode = $3 and m.class = 'duplicate'
        and l.type not in ('payout', 'payoutReversed')
      group by l.batch, l.net_currency
    ), contradicted as (
      -- Fees that a run would have booked, by what the gateway calls them.
      select f.movement_reference, f.currency, sum(f.fee_minor)::bigint as fee
      from recon_open_fee f join recon_match m on m.file_id = f.file_id and m.line = f.line
      where f.gateway = $1 and f.account = $2 and f.livemode = $3 and f.movement_reference <> ''
        and m.class in ('matched', 'fee_mismatch')
      group by f.movement_reference, f.currency
    ), differs as materialized (
      select m.class, l.file_id, l.line, m.shard, m.sequence, m.currency as item_currency,
        i.merchant_id, l.currency, case m.class
          when 'fee_mismatch' then coalesce(l.fee_minor, 0) else l.gross_minor end as reported,
        case m.class when 'fee_mismatch'
          then case when l.adds then \(expectedFee)::bigint else l.gross_minor - l.net_minor end
          else i.amount_minor end as booked,
        l.booked_on as occurred_on, b.id as break_id, b.state as was_state,
        b.snoozed_until as was_until, b.class as was_class, b.reported_minor as was_reported,
        b.booked_minor as was_booked, null::uuid as transaction_id
      from recon_match m
      join recon_line l on l.file_id = m.file_id and l.line = m.line
      left join recon_item i on i.shard = m.shard and i.sequence = m.sequence
        and i.currency = m.currency
        -- By its key and no other index: an account has many items.
        and i.gateway || '' = m.gateway and i.account || '' = m.account
      left join fee s on s.currency = l.currency and l.net_currency = l.currency
      left join recon_break b on b.file_id = l.file_id and b.line = l.line
      where m.gateway = $1 and m.account = $2 and m.livemode = $3 and m.class <> 'matched'
      union all
      select case
          when n.net_minor is not null then 'batch_total_mismatch'
          when c.fee + i.amount_minor <> 0 then 'fee_mismatch'
          when i.external_reference <> '' and exists (
            select from recon_item t join recon_match m on m.shard = t.shard
              and m.sequence = t.sequence and m.currency = t.currency
              and m.gateway = t.gateway and m.account = t.account
            where t.gateway || '' = $1 and t.account || '' = $2 and t.livemode = $3
              and t.external_reference <> '' and t.external_reference = i.external_reference
              and t.kind = i.kind and t.currency = i.currency
              and t.amount_minor = i.amount_minor and t.sequence <> i.sequence)
          then 'duplicate' else 'missing_external' end,
        null, null, i.shard, i.sequence, i.currency, i.merchant_id, i.currency,
        coalesce(coalesce(w.net, 0) - n.net_minor,
          case when c.fee + i.amount_minor <> 0 then -c.fee end),
        i.amount_minor, i.effective_on, b.id, b.state,
        b.snoozed_until, b.class, b.reported_minor, b.booked_minor, i.transaction_id
      from recon_open_item i
      cross join due
      -- A payout whose lines are there: what it should be is their sum.
      left join recon_batch n on i.kind = 'payout' and n.gateway = i.gateway
        and n.account = i.account and n.livemode = i.livemode and n.batch = i.external_reference
        and n.currency = i.currency
      left join twice w on w.batch = n.batch and w.net_currency = n.currency
      -- A fee that was booked under the name of another one that is reported.
      left join contradicted c on i.kind = 'fee' and c.movement_reference = i.external_reference
        and c.currency = i.currency
      left join recon_break b on b.file_id is null and b.shard = i.shard
        and b.sequence = i.sequence and b.item_currency = i.currency and b.gateway = i.gateway
        and b.account = i.account
      where i.gateway = $1 and i.account = $2 and i.livemode = $3 and \(isOpenItem)
        and case when n.net_minor is not null
            then n.net_minor - coalesce(w.net, 0) + i.amount_minor <> 0
          else i.effective_on <= due.day or coalesce(c.fee + i.amount_minor <> 0, false) end
    ), settled as materialized (
      -- Whose difference is what people have settled, no more and no less (`BreakSettlement`).
      select f.break_id from differs f join (
        select break_id, sum(amount_minor) as amount from recon_settlement
        where gateway = $1 and account = $2 and livemode = $3 group by break_id
      ) s on s.break_id = f.break_id
      where s.amount = coalesce(f.reported, 0) - coalesce(f.booked, 0)
        and f.class not in ('fee_mismatch', 'currency_mismatch', 'status_mismatch')
    ), found as materialized (
      select f.* from differs f
      where not exists (select from settled x where x.break_id = f.break_id)
        -- Nor does what settles it ask for a line.
        and not exists (
          select from recon_settlement s join settled x on x.break_id = s.break_id
          where s.transaction_id = f.transaction_id)
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
        \(Self.found), changed as (
          update recon_break b set class = f.class, shard = f.shard, sequence = f.sequence,
            item_currency = f.item_currency, merchant_id = f.merchant_id,
            reported_minor = f.reported, booked_minor = f.booked,
            -- As it is now: somebody may have said something of it since the run began.
            state = case when b.state in ('opened', 'reopened') then b.state else 'reopened' end,
            snoozed_until = null, version = b.version + 1, updated_at = $9, actor = $10,
            trace_id = $11
          from found f
          where b.id = f.break_id and (f.was_state = 'resolved' or f.was_until <= $9
            or (f.class, f.reported, f.booked) is distinct from
              (f.was_class, f.was_reported, f.was_booked))
          returning b.state
        ), opened as (
          insert into recon_break (id, gateway, account, livemode, class, file_id, line, shard,
            sequence, item_currency, merchant_id, currency, reported_minor, booked_minor,
            occurred_on, state, opened_at, updated_at, actor, trace_id)
          select ($12 || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid, $1, $2, $3,
            f.class, f.file_id, f.line, f.shard, f.sequence, f.item_currency, f.merchant_id,
            f.currency, f.reported, f.booked, f.occurred_on, 'opened', $9, $9, $10, $11
          from found f where f.break_id is null
          returning 1
        ), resolved as (
          update recon_break b set state = 'resolved', snoozed_until = null,
            version = b.version + 1, updated_at = $9, actor = $10, trace_id = $11
          where b.gateway = $1 and b.account = $2 and b.livemode = $3 and b.state <> 'resolved'
            -- A hash, whatever the planner takes the number of rows for.
            and b.id not in (select break_id from found where break_id is not null)
          returning 1
        )
        select (select count(*) from opened)
            + (select count(*) from changed where state = 'reopened'),
          (select count(*) from resolved)
        """,
      account.gateway,
      account.account,
      book.isLive,
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

  /// Lines by class, then items that no line answers: those without a break are not due, or are
  /// payouts that their lines come to, or settled.
  func classes() -> Statement {
    Statement(
      sql: """
        select class, sum(n)::bigint from (
          select 'matched' as class, line_count as n from recon_total
          where gateway = $1 and account = $2 and livemode = $3
          union all
          select class, count(*) from recon_match
          where gateway = $1 and account = $2 and livemode = $3 and class <> 'matched'
          group by class
          union all
          select b.class, count(*) from recon_break b
          where b.gateway = $1 and b.account = $2 and b.livemode = $3
            and b.file_id is null and b.state <> 'resolved'
          group by b.class
          union all
          select case when \(Self.asksForNoLine) then 'matched' else 'timing' end, 1
          from recon_open_item i
          where i.gateway = $1 and i.account = $2 and i.livemode = $3
            and \(Self.isOpenItem) and not \(Self.hasBreak)
        ) x group by class having sum(n) > 0 order by class
        """,
      account.gateway,
      account.account,
      book.isLive
    )
  }

  /// How many lines and items there are.
  func counts() -> Statement {
    """
    select (select coalesce(sum(line_count), 0)::bigint from recon_file
        where gateway = \(account.gateway) and account = \(account.account)
          and livemode = \(book.isLive)),
      (select count(*) from recon_open_item
        where gateway = \(account.gateway) and account = \(account.account)
          and livemode = \(book.isLive))
      + (select coalesce(sum(item_count), 0)::bigint from recon_total
        where gateway = \(account.gateway) and account = \(account.account)
          and livemode = \(book.isLive))
    """
  }

  /// Currency, and what `ControlTotal` holds, in its order. The balances are the books' own sums;
  /// what has matched comes from its totals, the rest from what is open.
  func totals(through place: UUIDBits) -> Statement {
    Statement(
      sql: """
        with balances as (
          select a.currency, sum(b.debits_minor - b.credits_minor) as balance
          from account a cross join lateral balance_at(a.shard, a.id, $4, null) b
          where a.shard = $5 and a.code = $6 and a.livemode = $3 group by a.currency
        ), matched as (
          select * from recon_total where gateway = $1 and account = $2 and livemode = $3
        ), settled as (
          -- What people have settled of a line answers it.
          select s.transaction_id, b.file_id, b.line from recon_settlement s
          join recon_break b on b.id = s.break_id
          join recon_match m on m.file_id = b.file_id and m.line = b.line
          where s.gateway = $1 and s.account = $2 and s.livemode = $3
            and b.state = 'resolved' and m.class <> 'matched'
        ), items as (
          select currency, sum(open) as open, sum(paired) as paired from (
            select currency, case when is_open then amount_minor else 0 end as open,
              case when is_open then 0 else amount_minor end as paired
            from (
              select i.currency, i.amount_minor, \(Self.isOpenItem) and not exists (
                select from settled s where s.transaction_id = i.transaction_id) as is_open
              from recon_open_item i
              where i.gateway = $1 and i.account = $2 and i.livemode = $3
              offset 0
            ) o
            union all select currency, 0, items_minor from matched
          ) x group by currency
        ), lines as (
          select currency, sum(paired) as paired, sum(unbooked) as unbooked, sum(fees) as fees from (
            select l.currency, case when m.rung is not null or x.line is not null
                then l.gross_minor end as paired,
              case when m.class in ('missing_internal', 'orphan_reversal', 'unknown_type')
                and x.line is null then l.gross_minor end as unbooked,
              case when m.class <> 'duplicate'
                and coalesce(l.net_currency, l.currency) = l.currency then l.fee_minor end as fees
            from recon_match m join recon_line l on l.file_id = m.file_id and l.line = m.line
            left join (select distinct file_id, line from settled) x
              on x.file_id = m.file_id and x.line = m.line
            where m.gateway = $1 and m.account = $2 and m.livemode = $3 and m.class <> 'matched'
            union all select currency, lines_minor, 0, fees_minor from matched
          ) x group by currency
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
      book.isLive,
      place,
      LedgerShard.only,
      PostingTemplate.clearing(account)
    )
  }
}
