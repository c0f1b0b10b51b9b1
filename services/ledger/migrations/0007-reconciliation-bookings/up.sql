-- What reconciliation books: the movements and fees that reports prove, the differences that people
-- settle, and what two of them write off; and when each book is compared.
--
-- recon_booking, recon_payout, recon_settlement, recon_write_off and its approval are facts: inserted
-- once. recon_part is what has arrived of a large report so far. recon_open_fee holds the fees within
-- lines that are not booked yet; triggers alone write it. recon_schedule has a row for each book that
-- has a report.
--
-- Fees of lines that were imported before are not taken over: whether somebody has booked them by hand
-- nobody knows.

-- What was booked from reports, by a run or by a person.
create table recon_booking (
  transaction_id uuid primary key,
  gateway text not null,
  account text not null,
  livemode boolean not null,
  -- The movement of a line, the fee within a line, or a payout that has no line of its own.
  part text not null check (part in ('line', 'fee', 'payout')),
  file_id uuid not null,
  line integer,
  batch text,
  kind text not null,
  currency char(3) not null,
  -- Towards us positive.
  amount_minor bigint not null check (amount_minor <> 0),
  merchant_id uuid not null,
  booked_at timestamptz not null,
  actor text not null,
  trace_id bytea not null,
  check ((part = 'payout') = (line is null)),
  check ((part = 'payout') = (batch is not null))
);
create unique index recon_booking_line on recon_booking (file_id, line, part)
  where line is not null;
create unique index recon_booking_payout on recon_booking (gateway, account, livemode, batch, currency)
  where part = 'payout';

create table recon_open_fee (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  file_id uuid not null,
  line integer not null,
  movement_reference text not null,
  currency char(3) not null,
  -- Positive: taken from us.
  fee_minor bigint not null,
  booked_on date not null,
  primary key (gateway, account, livemode, file_id, line)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Payouts whose amount whoever imported a report has named, and its lines have come to.
create table recon_payout (
  file_id uuid not null,
  batch text not null,
  currency char(3) not null,
  gateway text not null,
  account text not null,
  livemode boolean not null,
  -- Paid out to us.
  net_minor bigint not null,
  -- The last day of its lines.
  paid_on date not null,
  primary key (file_id, batch, currency)
);
create index recon_payout_book on recon_payout (gateway, account, livemode);

-- What settles a break that no line and no item will ever answer: the difference, booked.
create table recon_settlement (
  transaction_id uuid primary key,
  break_id uuid not null,
  gateway text not null,
  account text not null,
  livemode boolean not null,
  kind text not null check (kind in ('adjustment', 'write_off')),
  currency char(3) not null,
  -- What was reported less what was booked.
  amount_minor bigint not null check (amount_minor <> 0),
  settled_at timestamptz not null,
  actor text not null,
  trace_id bytea not null
);
create index recon_settlement_break on recon_settlement (break_id);
create index recon_settlement_book on recon_settlement (gateway, account, livemode);

create table recon_write_off (
  id uuid primary key,
  -- Given behind the break's turn: of two of one break, the larger one is the later one, whatever the
  -- clocks of their processes said.
  number bigint generated always as identity,
  break_id uuid not null,
  gateway text not null,
  account text not null,
  livemode boolean not null,
  merchant_id uuid not null,
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor <> 0),
  words text not null check (octet_length(words) between 1 and 500),
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea not null
);
create index recon_write_off_break on recon_write_off (break_id, number);

create table recon_write_off_approval (
  write_off_id uuid primary key,
  transaction_id uuid not null unique,
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea not null
);

-- Parts of a report that is larger than one message, until the last one is there: encrypted by a key that
-- only their sender has.
create table recon_part (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  -- Of the whole.
  sha256 bytea not null check (octet_length(sha256) = 32),
  part integer not null,
  part_count integer not null check (part_count between 2 and 40),
  sealed bytea not null,
  received_at timestamptz not null default now(),
  primary key (gateway, account, livemode, sha256, part),
  check (part between 1 and part_count)
);
alter table recon_part alter column sealed set storage external;

-- When each book is compared: once a day, and after each import. Times are the database's.
create table recon_schedule (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  -- The last import.
  requested_at timestamptz,
  -- The last run that ended: when it began, and what it is.
  started_at timestamptz,
  run_id uuid,
  -- Since then: the last try that failed, how many did, and why.
  tried_at timestamptz,
  failures integer not null default 0,
  failure text not null default '' check (octet_length(failure) <= 500),
  primary key (gateway, account, livemode)
);
insert into recon_schedule (gateway, account, livemode)
  select distinct gateway, account, livemode from recon_file;

-- Triggers ---------------------------------------------------------------------------------------

-- As in migration 0005; and the fees within the lines.
create or replace function open_lines() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  insert into recon_open_line (gateway, account, livemode, file_id, line, type, type_text,
      movement_reference, source_references, payment_reference, movement_ids, batch, currency,
      gross_minor, fee_minor, net_currency, adds)
    select l.gateway, l.account, l.livemode, l.file_id, l.line, l.type, l.type_text,
      l.movement_reference, l.source_references, l.payment_reference, l.movement_ids, l.batch,
      l.currency, l.gross_minor, l.fee_minor, l.net_currency, l.adds
    from inserted l;
  insert into recon_open_fee (gateway, account, livemode, file_id, line, movement_reference,
      currency, fee_minor, booked_on)
    select l.gateway, l.account, l.livemode, l.file_id, l.line, l.movement_reference, l.currency,
      l.fee_minor, l.booked_on
    from inserted l
    -- Where gross less fee is not net, the report does not prove that it was taken.
    where l.fee_minor <> 0 and l.adds and coalesce(l.net_currency, l.currency) = l.currency;
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

-- As in migration 0005; but what a line's fee has booked is answered by that line: it is counted at
-- once and never open.
create or replace function open_items() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp
set plan_cache_mode = force_custom_plan set jit = off as $$
declare
  -- A statement without a parameter is planned once for a session, whatever the tables hold then.
  fee constant text := 'fee';
begin
  with told as (
    select i.*, exists (
        select from recon_booking b where b.transaction_id = i.transaction_id and b.part = fee
      ) as is_fee
    from inserted i
  ), opened as (
    insert into recon_open_item (gateway, account, livemode, shard, sequence, currency,
        transaction_id, merchant_id, kind, external_reference, amount_minor, effective_on)
      select t.gateway, t.account, t.livemode, t.shard, t.sequence, t.currency, t.transaction_id,
        t.merchant_id, t.kind, t.external_reference, t.amount_minor, t.effective_on
      from told t where not t.is_fee
  )
  insert into recon_total as t (gateway, account, livemode, currency, item_count, items_minor)
    select f.gateway, f.account, f.livemode, f.currency, count(*), sum(f.amount_minor)::bigint
    from told f where f.is_fee group by f.gateway, f.account, f.livemode, f.currency
    on conflict (gateway, account, livemode, currency) do update set
      item_count = t.item_count + excluded.item_count,
      items_minor = t.items_minor + excluded.items_minor;
  return null;
end $$;

-- A fee that is booked is open no longer; nor is its item, where a run had taken it before.
create function close_fees() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
-- By their keys, one for each row: the sets are large, and a booking is of a few.
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  fee constant text := 'fee';
begin
  delete from recon_open_fee f using inserted b
    where b.part = fee and f.gateway = b.gateway and f.account = b.account
      and f.livemode = b.livemode and f.file_id = b.file_id and f.line = b.line;
  with gone as (
    delete from recon_open_item o using inserted b
    join recon_item i on i.gateway = b.gateway and i.account = b.account
      and i.transaction_id = b.transaction_id
    where b.part = fee and o.gateway = i.gateway and o.account = i.account
      and o.livemode = i.livemode and o.shard = i.shard and o.sequence = i.sequence
      and o.currency = i.currency and not exists (
        select from recon_match m where m.shard = i.shard and m.sequence = i.sequence
          and m.currency = i.currency and m.gateway = i.gateway and m.account = i.account)
    returning o.gateway, o.account, o.livemode, o.currency, o.amount_minor
  )
  insert into recon_total as t (gateway, account, livemode, currency, item_count, items_minor)
    select gateway, account, livemode, currency, count(*), sum(amount_minor)::bigint
    from gone group by gateway, account, livemode, currency
    on conflict (gateway, account, livemode, currency) do update set
      item_count = t.item_count + excluded.item_count,
      items_minor = t.items_minor + excluded.items_minor;
  return null;
end $$;
create trigger booked after insert on recon_booking referencing new table as inserted
  for each statement execute function close_fees();

-- Whoever imports asks for a run; at the end of the transaction, so that nobody waits for the row.
create function schedule_run() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  insert into recon_schedule (gateway, account, livemode, requested_at)
    values (new.gateway, new.account, new.livemode, clock_timestamp())
    on conflict (gateway, account, livemode) do update set requested_at = excluded.requested_at;
  return null;
end $$;
create constraint trigger scheduled after insert on recon_file deferrable initially deferred
  for each row execute function schedule_run();

-- Two people, in the schema itself.
create function guard_write_off() returns trigger language plpgsql as $$
begin
  if not exists (
    select from recon_write_off where id = new.write_off_id and actor <> new.actor)
  then
    raise exception 'a write-off is approved by somebody else than proposed it'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger two_people before insert on recon_write_off_approval
  for each row execute function guard_write_off();
create function guard_settlement() returns trigger language plpgsql as $$
begin
  if new.kind = 'write_off' and not exists (
    select from recon_write_off_approval a join recon_write_off w on w.id = a.write_off_id
    where a.transaction_id = new.transaction_id and w.break_id = new.break_id
      and w.currency = new.currency and w.amount_minor = new.amount_minor)
  then
    raise exception 'a write-off is what two people have agreed on'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger approved before insert on recon_settlement
  for each row execute function guard_settlement();

create trigger immutable before update or delete on recon_booking
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_payout
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_settlement
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_write_off
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_write_off_approval
  for each row execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_booking
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_payout
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_settlement
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_write_off
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_write_off_approval
  execute function refuse_recon_change();

-- Rights -----------------------------------------------------------------------------------------

revoke all on function close_fees(), schedule_run() from public;
grant select, insert on recon_booking, recon_payout, recon_settlement, recon_write_off,
  recon_write_off_approval to ledger_service;
grant select, insert, update, delete on recon_part to ledger_service;
grant select on recon_open_fee to ledger_service;
grant select, update on recon_schedule to ledger_service;
