-- Test and live are two books, also where they bear one account's name; and a run costs what is open
-- and what is new, not what was.
--
-- recon_open_line and recon_open_item hold what has not matched, with all that matching compares, so
-- that a run reads nothing that is over. recon_total keeps the sums of what has matched, recon_batch
-- those of each batch's lines. Triggers alone write these four, in the transaction of their cause:
-- whatever matches leaves both open sets at once. recon_key belongs to a run under way: the keys of
-- open lines that some open item bears; between runs it is empty.

-- A report is of the live books or of the test ones. The default is for the release before.
alter table recon_file add column livemode boolean not null default false;
alter table recon_line add column livemode boolean not null default false;
alter table recon_match add column livemode boolean not null default false;
alter table recon_run add column livemode boolean not null default false;

-- So far nobody said it. A report is of the books that more of its lines have met; one that has met
-- none is of the live books, where its account has any: real money is never taken for a test. What met
-- the other books is forgotten, and compared anew by the next run.
alter table recon_file disable trigger user;
alter table recon_line disable trigger user;
alter table recon_match disable trigger user;
alter table recon_run disable trigger user;
alter table recon_break disable trigger user;
update recon_file f set livemode = true
  from (
    select f.id, count(i.*) filter (where i.livemode) as live, count(i.*) as items
    from recon_file f left join recon_match m on m.file_id = f.id
    left join recon_item i on i.shard = m.shard and i.sequence = m.sequence
      and i.currency = m.currency and i.gateway = m.gateway and i.account = m.account
    group by f.id
  ) met
  where met.id = f.id and case
    when met.items > 0 then 2 * met.live > met.items
    else exists (
      select from account a
      where a.code = 'gateway_clearing:' || f.gateway || ':' || f.account and a.livemode)
    end;
update recon_line l set livemode = true from recon_file f where f.id = l.file_id and f.livemode;
update recon_match m set livemode = true from recon_file f where f.id = m.file_id and f.livemode;
update recon_run r set livemode = true where exists (
    select from recon_file f where f.gateway = r.gateway and f.account = r.account and f.livemode)
  and not exists (
    select from recon_file f
    where f.gateway = r.gateway and f.account = r.account and not f.livemode);
delete from recon_match m using recon_item i
  where i.shard = m.shard and i.sequence = m.sequence and i.currency = m.currency
    and i.gateway = m.gateway and i.account = m.account and i.livemode <> m.livemode;
update recon_break b set livemode = f.livemode from recon_file f
  where f.id = b.file_id and b.livemode is distinct from f.livemode;
alter table recon_file enable trigger user;
alter table recon_line enable trigger user;
alter table recon_match enable trigger user;
alter table recon_run enable trigger user;
alter table recon_break enable trigger user;
alter table recon_break alter column livemode set not null;

-- One file that was taken for the wrong books can still be taken for the right ones.
alter table recon_file drop constraint recon_file_sha256_key,
  drop constraint recon_file_gateway_account_kind_content_sha256_key,
  add unique (sha256, livemode), add unique (gateway, account, livemode, kind, content_sha256);

-- An alert is about one of the two books now; the next runs raise what still holds.
update alert set state = 'resolved', resolved_at = now()
  where kind in ('reconciliation_breaks', 'reconciliation_out_of_balance') and state = 'open';

-- The reference first: of indexes that all begin with gateway and account the planner takes any while
-- it knows nothing of a table, and then reads a whole account for each line.
drop index recon_line_movement;
drop index recon_line_payment;
drop index recon_item_reference;
create index recon_line_movement on recon_line (movement_reference, gateway, account)
  where movement_reference <> '';
create index recon_line_payment on recon_line (payment_reference, gateway, account)
  where payment_reference <> '';
create index recon_item_reference on recon_item (external_reference, gateway, account)
  where external_reference <> '';

-- Breaks that ask for somebody, by what is asked of them.
create index recon_break_open on recon_break (gateway, account, livemode, occurred_on)
  where state in ('opened', 'reopened', 'acknowledged');

-- What is open --------------------------------------------------------------------------------------

create table recon_open_line (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  file_id uuid not null,
  line integer not null,
  type text not null,
  type_text text not null,
  movement_reference text not null,
  source_references text[] not null,
  payment_reference text not null,
  movement_ids uuid[] not null,
  batch text not null,
  currency char(3) not null,
  gross_minor bigint not null,
  fee_minor bigint,
  net_currency char(3),
  adds boolean not null,
  primary key (gateway, account, livemode, file_id, line)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create table recon_open_item (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  shard smallint not null,
  sequence uuid not null,
  currency char(3) not null,
  transaction_id uuid not null,
  merchant_id uuid not null,
  kind text not null,
  external_reference text not null,
  amount_minor bigint not null,
  effective_on date not null,
  primary key (gateway, account, livemode, shard, sequence, currency)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Of what has matched, by currency: lines with their gross amounts and fees, and their items.
create table recon_total (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  currency char(3) not null,
  line_count bigint not null default 0,
  lines_minor bigint not null default 0,
  fees_minor bigint not null default 0,
  item_count bigint not null default 0,
  items_minor bigint not null default 0,
  primary key (gateway, account, livemode, currency)
);

-- What the lines of a batch come to after fees, its payout not counted.
create table recon_batch (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  batch text not null,
  currency char(3) not null,
  line_count bigint not null,
  net_minor bigint not null,
  primary key (gateway, account, livemode, batch, currency)
);

create unlogged table recon_key (
  run_id uuid not null,
  rung smallint not null,
  -- Which of the line's keys on this rung, from 1.
  place smallint not null,
  family text not null,
  file_id uuid not null,
  line integer not null,
  key text not null,
  type text not null,
  currency char(3) not null,
  gross_minor bigint not null,
  -- matched or fee_mismatch, if everything else agrees.
  class text not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

insert into recon_open_line (gateway, account, livemode, file_id, line, type, type_text,
    movement_reference, source_references, payment_reference, movement_ids, batch, currency,
    gross_minor, fee_minor, net_currency, adds)
  select l.gateway, l.account, l.livemode, l.file_id, l.line, l.type, l.type_text,
    l.movement_reference, l.source_references, l.payment_reference, l.movement_ids, l.batch,
    l.currency, l.gross_minor, l.fee_minor, l.net_currency, l.adds
  from recon_line l where not exists (
    select from recon_match m
    where m.file_id = l.file_id and m.line = l.line and m.class = 'matched');
insert into recon_open_item (gateway, account, livemode, shard, sequence, currency, transaction_id,
    merchant_id, kind, external_reference, amount_minor, effective_on)
  select i.gateway, i.account, i.livemode, i.shard, i.sequence, i.currency, i.transaction_id,
    i.merchant_id, i.kind, i.external_reference, i.amount_minor, i.effective_on
  from recon_item i where not exists (
    select from recon_match m
    where m.shard = i.shard and m.sequence = i.sequence and m.currency = i.currency
      and m.gateway = i.gateway and m.account = i.account and m.class = 'matched');
insert into recon_total (gateway, account, livemode, currency, line_count, lines_minor, fees_minor,
    item_count, items_minor)
  select m.gateway, m.account, m.livemode, l.currency, count(*), sum(l.gross_minor)::bigint,
    coalesce(sum(l.fee_minor) filter (
      where coalesce(l.net_currency, l.currency) = l.currency), 0)::bigint,
    -- What has matched agrees in amount and currency.
    count(*), sum(l.gross_minor)::bigint
  from recon_match m join recon_line l on l.file_id = m.file_id and l.line = m.line
  where m.class = 'matched' group by m.gateway, m.account, m.livemode, l.currency;
insert into recon_batch (gateway, account, livemode, batch, currency, line_count, net_minor)
  select gateway, account, livemode, batch, net_currency, count(*), sum(net_minor)::bigint
  from recon_line
  where batch <> '' and net_currency is not null and type not in ('payout', 'payoutReversed')
  group by gateway, account, livemode, batch, net_currency;

-- Triggers ---------------------------------------------------------------------------------------

create function open_lines() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  insert into recon_open_line (gateway, account, livemode, file_id, line, type, type_text,
      movement_reference, source_references, payment_reference, movement_ids, batch, currency,
      gross_minor, fee_minor, net_currency, adds)
    select l.gateway, l.account, l.livemode, l.file_id, l.line, l.type, l.type_text,
      l.movement_reference, l.source_references, l.payment_reference, l.movement_ids, l.batch,
      l.currency, l.gross_minor, l.fee_minor, l.net_currency, l.adds
    from inserted l;
  insert into recon_batch as b (gateway, account, livemode, batch, currency, line_count, net_minor)
    select gateway, account, livemode, batch, net_currency, count(*), sum(net_minor)::bigint
    from inserted
    where batch <> '' and net_currency is not null and type not in ('payout', 'payoutReversed')
    group by gateway, account, livemode, batch, net_currency
    order by gateway, account, livemode, batch, net_currency
    on conflict (gateway, account, livemode, batch, currency) do update set
      line_count = b.line_count + excluded.line_count,
      net_minor = b.net_minor + excluded.net_minor;
  return null;
end $$;
create trigger opened after insert on recon_line referencing new table as inserted
  for each statement execute function open_lines();

create function open_items() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  insert into recon_open_item (gateway, account, livemode, shard, sequence, currency,
      transaction_id, merchant_id, kind, external_reference, amount_minor, effective_on)
    select i.gateway, i.account, i.livemode, i.shard, i.sequence, i.currency, i.transaction_id,
      i.merchant_id, i.kind, i.external_reference, i.amount_minor, i.effective_on
    from inserted i;
  return null;
end $$;
create trigger opened after insert on recon_item referencing new table as inserted
  for each statement execute function open_items();

-- What has matched is open no longer, and counted once. Who pairs names an open line and an open
-- item of the same books, or is refused.
create function close_matched() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp
set plan_cache_mode = force_custom_plan set jit = off as $$
declare
  -- A statement without a parameter is planned once for a session, whatever the tables hold then.
  done constant text := 'matched';
  pairs bigint;
  closed_lines bigint;
  closed_items bigint;
begin
  select count(*) into pairs from inserted where class = done;
  if pairs > 0 then
    with gone as (
      delete from recon_open_line o using inserted m
      where m.class = done and o.gateway = m.gateway and o.account = m.account
        and o.livemode = m.livemode and o.file_id = m.file_id and o.line = m.line
      returning o.gateway, o.account, o.livemode, o.currency, o.gross_minor,
        case when coalesce(o.net_currency, o.currency) = o.currency then o.fee_minor end as fee_minor
    ), counted as (
      insert into recon_total as t (gateway, account, livemode, currency, line_count, lines_minor,
          fees_minor)
        select gateway, account, livemode, currency, count(*), sum(gross_minor)::bigint,
          coalesce(sum(fee_minor), 0)::bigint
        from gone group by gateway, account, livemode, currency
        on conflict (gateway, account, livemode, currency) do update set
          line_count = t.line_count + excluded.line_count,
          lines_minor = t.lines_minor + excluded.lines_minor,
          fees_minor = t.fees_minor + excluded.fees_minor
    )
    select count(*) into closed_lines from gone;
    with gone as (
      delete from recon_open_item i using inserted m
      where m.class = done and i.gateway = m.gateway and i.account = m.account
        and i.livemode = m.livemode and i.shard = m.shard and i.sequence = m.sequence
        and i.currency = m.currency
      returning i.gateway, i.account, i.livemode, i.currency, i.amount_minor
    ), counted as (
      insert into recon_total as t (gateway, account, livemode, currency, item_count, items_minor)
        select gateway, account, livemode, currency, count(*), sum(amount_minor)::bigint
        from gone group by gateway, account, livemode, currency
        on conflict (gateway, account, livemode, currency) do update set
          item_count = t.item_count + excluded.item_count,
          items_minor = t.items_minor + excluded.items_minor
    )
    select count(*) into closed_items from gone;
  end if;
  if pairs > 0 and (closed_lines <> pairs or closed_items <> pairs) then
    raise exception 'a line meets an open item of its own books' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create trigger closed after insert on recon_match referencing new table as inserted
  for each statement execute function close_matched();

-- The same of what has another class. So the release before, which knows nothing of the two books,
-- cannot leave a class at a line of the live ones: its runs of these are refused while it is replaced.
create function refuse_strangers() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp
set plan_cache_mode = force_custom_plan set jit = off set enable_nestloop = on as $$
declare
  done constant text := 'matched';
begin
  if exists (
    select from inserted m where m.class <> done and not exists (
      select from recon_open_line o
      where o.gateway = m.gateway and o.account = m.account and o.livemode = m.livemode
        and o.file_id = m.file_id and o.line = m.line)
  ) or exists (
    select from inserted m where m.class <> done and m.rung is not null and not exists (
      select from recon_open_item i
      where i.gateway = m.gateway and i.account = m.account and i.livemode = m.livemode
        and i.shard = m.shard and i.sequence = m.sequence and i.currency = m.currency)
  ) then
    raise exception 'a line meets an open item of its own books' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create trigger own_books after insert on recon_match referencing new table as inserted
  for each statement execute function refuse_strangers();

-- A run ends only when it has classified every line: what has matched is open no longer.
create or replace function refuse_unclassified() returns trigger language plpgsql as $$
begin
  if exists (
    select from recon_open_line o
    where o.gateway = new.gateway and o.account = new.account and o.livemode = new.livemode
      and not exists (
        select from recon_match m where m.file_id = o.file_id and m.line = o.line)
  ) then
    raise exception 'a line has no class' using errcode = 'check_violation';
  end if;
  return new;
end $$;

-- As in migration 0004; a break belongs to one of the two books.
create or replace function guard_break() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    -- The release before knows none where no item is.
    new.livemode := coalesce(new.livemode, false);
    if new.state <> 'opened' or new.version <> 1 then
      raise exception 'a break begins as opened' using errcode = 'check_violation';
    end if;
    return new;
  end if;
  new.livemode := coalesce(new.livemode, old.livemode);
  if (new.id, new.gateway, new.account, new.livemode, new.file_id, new.line, new.opened_at)
      is distinct from
      (old.id, old.gateway, old.account, old.livemode, old.file_id, old.line, old.opened_at)
    or new.version <> old.version + 1
    or (new.file_id is null and (new.shard, new.sequence, new.item_currency)
      is distinct from (old.shard, old.sequence, old.item_currency))
  then
    raise exception 'what a break is about does not change' using errcode = 'check_violation';
  end if;
  if new.state <> old.state and not (old.state, new.state) in (
    ('opened', 'acknowledged'), ('opened', 'accepted'), ('opened', 'snoozed'),
    ('opened', 'resolved'), ('reopened', 'acknowledged'), ('reopened', 'accepted'),
    ('reopened', 'snoozed'), ('reopened', 'resolved'), ('acknowledged', 'accepted'),
    ('acknowledged', 'snoozed'), ('acknowledged', 'resolved'), ('acknowledged', 'reopened'),
    ('snoozed', 'acknowledged'), ('snoozed', 'accepted'), ('snoozed', 'resolved'),
    ('snoozed', 'reopened'), ('accepted', 'resolved'), ('accepted', 'reopened'),
    ('resolved', 'reopened'))
  then
    raise exception 'a break does not go from % to %', old.state, new.state
      using errcode = 'check_violation';
  end if;
  return new;
end $$;

-- Rights -----------------------------------------------------------------------------------------

revoke all on function open_lines(), open_items(), close_matched(), refuse_strangers() from public;
grant select on recon_open_line, recon_open_item, recon_total, recon_batch to ledger_service;
grant select, insert, delete on recon_key to ledger_service;
