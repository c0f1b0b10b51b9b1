-- Reconciliation: what the gateways report, compared with what is booked.
--
-- A report concerns an account at a gateway, not one merchant; a break names the merchant where an
-- item does. `gateway` and `account` are the distribution key. recon_file, recon_line, recon_item,
-- recon_run and recon_break_change are facts: they are inserted once. recon_match is what the last
-- run found of each line; what has matched never changes. recon_break goes through its states, and
-- each step leaves a row that the service cannot write itself.

-- The clearing accounts of every merchant at one gateway account.
create index account_code on account (shard, code);

create table recon_file (
  id uuid primary key,
  gateway text not null,
  account text not null,
  -- payout_reconciliation or settlement_detail.
  kind text not null check (kind in ('payout_reconciliation', 'settlement_detail')),
  -- Of the bytes, and of what the lines say: a file counts once, however it is written.
  sha256 bytea not null unique check (octet_length(sha256) = 32),
  content_sha256 bytea not null check (octet_length(content_sha256) = 32),
  bytes bigint not null check (bytes > 0),
  line_count integer not null check (line_count > 0),
  -- Days of the first and the last booking, in the report's time zone.
  first_day date not null,
  last_day date not null,
  imported_at timestamptz not null,
  actor text not null,
  trace_id bytea not null,
  unique (gateway, account, kind, content_sha256)
);

create table recon_line (
  file_id uuid not null,
  line integer not null check (line > 1),
  gateway text not null,
  account text not null,
  type text not null,
  -- The gateway's own word.
  type_text text not null,
  movement_reference text not null,
  source_references text[] not null,
  payment_reference text not null,
  -- Ids that the books would have given to this movement.
  movement_ids uuid[] not null,
  batch text not null,
  booked_at text not null,
  booked_on date not null,
  currency char(3) not null,
  gross_minor bigint not null,
  fee_minor bigint,
  net_currency char(3),
  net_minor bigint,
  -- Gross less fee is net.
  adds boolean not null,
  -- Columns that this release does not know.
  others jsonb not null,
  primary key (file_id, line),
  check ((net_currency is null) = (net_minor is null))
);
create index recon_line_account on recon_line (gateway, account, batch);
create index recon_line_movement on recon_line (gateway, account, movement_reference)
  where movement_reference <> '';
create index recon_line_payment on recon_line (gateway, account, payment_reference)
  where payment_reference <> '';

-- What each transaction moved on a clearing account, taken over from the books in their order.
create table recon_item (
  shard smallint not null,
  sequence uuid not null,
  currency char(3) not null,
  gateway text not null,
  account text not null,
  transaction_id uuid not null,
  merchant_id uuid not null,
  livemode boolean not null,
  kind text not null,
  external_reference text not null,
  -- Debits positive.
  amount_minor bigint not null check (amount_minor <> 0),
  -- In UTC.
  effective_on date not null,
  primary key (shard, sequence, currency, gateway, account)
);
create index recon_item_account on recon_item (gateway, account, sequence);
create index recon_item_reference on recon_item (gateway, account, external_reference)
  where external_reference <> '';
create index recon_item_transaction on recon_item (gateway, account, transaction_id);

-- The class of each line: one row, by its key; an item answers one line at most.
create table recon_match (
  file_id uuid not null,
  line integer not null,
  gateway text not null,
  account text not null,
  class text not null check (class in (
    'matched', 'timing', 'missing_internal', 'missing_external', 'amount_mismatch',
    'fee_mismatch', 'currency_mismatch', 'status_mismatch', 'duplicate', 'orphan_reversal',
    'batch_total_mismatch', 'unknown_type')),
  -- 1 the movement's own id, 2 the gateway's id of the movement, 3 the gateway's id of the payment.
  rung smallint check (rung between 1 and 3),
  shard smallint,
  sequence uuid,
  currency char(3),
  primary key (file_id, line),
  unique (shard, sequence, currency, gateway, account),
  check ((rung is null) = (sequence is null) and (rung is null) = (currency is null)
    and (rung is null) = (shard is null)),
  check ((rung is not null) = (class in (
    'matched', 'amount_mismatch', 'fee_mismatch', 'currency_mismatch', 'status_mismatch')))
);
create index recon_match_open on recon_match (gateway, account, class) where class <> 'matched';

create table recon_run (
  id uuid primary key,
  gateway text not null,
  account text not null,
  -- The day that ages are counted to.
  day date not null,
  line_count bigint not null,
  item_count bigint not null,
  breaks_opened integer not null,
  breaks_resolved integer not null,
  breaks_open integer not null,
  -- Lines by class, and items that no line answers, as they were after the run.
  classes jsonb not null,
  -- Control totals by currency.
  totals jsonb not null,
  ran_at timestamptz not null,
  actor text not null,
  trace_id bytea not null
);
create index recon_run_account on recon_run (gateway, account, id);

create table recon_break (
  id uuid primary key,
  gateway text not null,
  account text not null,
  class text not null check (class in (
    'missing_internal', 'missing_external', 'amount_mismatch', 'fee_mismatch',
    'currency_mismatch', 'status_mismatch', 'duplicate', 'orphan_reversal',
    'batch_total_mismatch', 'unknown_type')),
  -- The line it is about; where there is none, the item.
  file_id uuid,
  line integer,
  shard smallint,
  sequence uuid,
  item_currency char(3),
  merchant_id uuid,
  livemode boolean,
  currency char(3) not null,
  -- What the report says and what the books say; null: nothing.
  reported_minor bigint,
  booked_minor bigint,
  occurred_on date not null,
  state text not null check (state in (
    'opened', 'acknowledged', 'resolved', 'accepted', 'reopened', 'snoozed')),
  note text not null default '' check (octet_length(note) <= 500),
  snoozed_until timestamptz,
  version integer not null default 1,
  opened_at timestamptz not null,
  updated_at timestamptz not null,
  actor text not null,
  trace_id bytea not null,
  check ((file_id is null) = (line is null)),
  check (file_id is not null or sequence is not null),
  check ((state = 'snoozed') = (snoozed_until is not null)),
  check (state <> 'accepted' or note <> '')
);
create unique index recon_break_line on recon_break (file_id, line) where file_id is not null;
create unique index recon_break_item
  on recon_break (shard, sequence, item_currency, gateway, account) where file_id is null;
create index recon_break_unresolved on recon_break (gateway, account, id)
  where state <> 'resolved';

-- Written by recon_break's trigger alone.
create table recon_break_change (
  break_id uuid not null,
  version integer not null,
  class text not null,
  state text not null,
  reported_minor bigint,
  booked_minor bigint,
  note text not null,
  snoozed_until timestamptz,
  changed_at timestamptz not null,
  actor text not null,
  trace_id bytea not null,
  primary key (break_id, version)
);

-- Guards -----------------------------------------------------------------------------------------

create function refuse_recon_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or removed', tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger immutable before update or delete on recon_file
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_line
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_item
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_run
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on recon_break_change
  for each row execute function refuse_recon_change();
create trigger undeletable before delete on recon_break
  for each row execute function refuse_recon_change();
create trigger immutable before update on recon_match
  for each row execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_file
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_line
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_item
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_match
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_run
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_break
  execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_break_change
  execute function refuse_recon_change();

-- A run takes back what it finds anew; what has matched stays.
create function keep_matched() returns trigger language plpgsql as $$
begin
  if old.class = 'matched' then
    raise exception 'a line that has matched stays matched' using errcode = 'restrict_violation';
  end if;
  return old;
end $$;
create trigger matched_is_final before delete on recon_match
  for each row execute function keep_matched();

-- A run ends only when it has classified every line.
create function refuse_unclassified() returns trigger language plpgsql as $$
begin
  if exists (
    select from recon_line l
    where l.gateway = new.gateway and l.account = new.account and not exists (
      select from recon_match m where m.file_id = l.file_id and m.line = l.line)
  ) then
    raise exception 'a line has no class' using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger everything_classified before insert on recon_run
  for each row execute function refuse_unclassified();

-- The steps of services/ledger/Core/Reconciliation/BreakLifecycle.swift; what a break is about stays.
create function guard_break() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'opened' or new.version <> 1 then
      raise exception 'a break begins as opened' using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if (new.id, new.gateway, new.account, new.file_id, new.line, new.opened_at)
      is distinct from (old.id, old.gateway, old.account, old.file_id, old.line, old.opened_at)
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
create trigger lifecycle before insert or update on recon_break
  for each row execute function guard_break();

create function audit_break() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  insert into recon_break_change (
      break_id, version, class, state, reported_minor, booked_minor, note, snoozed_until,
      changed_at, actor, trace_id)
    values (
      new.id, new.version, new.class, new.state, new.reported_minor, new.booked_minor, new.note,
      new.snoozed_until, new.updated_at, new.actor, new.trace_id);
  return null;
end $$;
create trigger audited after insert or update on recon_break
  for each row execute function audit_break();

-- Rights -----------------------------------------------------------------------------------------

revoke all on function audit_break() from public;
grant select, insert on recon_file, recon_line, recon_item, recon_run to ledger_service;
grant select, insert, delete on recon_match to ledger_service;
grant select, insert, update on recon_break to ledger_service;
grant select on recon_break_change to ledger_service;
