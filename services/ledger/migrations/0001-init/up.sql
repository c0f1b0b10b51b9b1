-- The books. Runs as ledger_owner with search_path = ledger.
--
-- Rows of account, movement, transaction, entry, batch and rejection are written once and never
-- change: the service's role cannot write them at all, it may only call post_batch, and triggers
-- refuse UPDATE, DELETE and TRUNCATE to everybody. Only balance rows change, inside post_batch.
--
-- `shard` is the distribution key: one shard has one writer at a time, and everything a posting
-- touches lies in one shard. `sequence` is a time-ordered id (48 bits of milliseconds, then batch
-- and item), so that growing tables are partitioned by month of recording. A transaction's own id
-- derives from the movement it records, is therefore not ordered, and is unique in `movement`.

create table account (
  shard smallint not null,
  id uuid not null,
  merchant_id uuid not null,
  livemode boolean not null,
  code text not null check (octet_length(code) between 1 and 120),
  currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
  kind text not null check (kind in ('asset', 'liability', 'income', 'expense', 'suspense')),
  -- 1 debit, -1 credit.
  normal_side smallint not null check (normal_side in (1, -1)),
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (shard, id),
  unique (shard, merchant_id, code, currency)
);
comment on column account.id is 'derived from merchant, code and currency';

-- The only mutable table of the books: sums of the entries, kept for speed. `batch` is the last
-- batch that changed it. Half-empty pages keep updates within the page.
create table balance (
  shard smallint not null,
  account_id uuid not null,
  merchant_id uuid not null,
  debits_posted_minor bigint not null default 0 check (debits_posted_minor >= 0),
  credits_posted_minor bigint not null default 0 check (credits_posted_minor >= 0),
  debits_pending_minor bigint not null default 0 check (debits_pending_minor >= 0),
  credits_pending_minor bigint not null default 0 check (credits_pending_minor >= 0),
  version bigint not null default 0,
  batch bigint not null default 0,
  primary key (shard, account_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Each movement is recorded once, for ever: the unpartitioned home of that rule.
create table movement (
  shard smallint not null,
  id uuid not null,
  sequence uuid not null,
  merchant_id uuid not null,
  primary key (shard, id)
);
comment on column movement.id is 'the transaction id, derived from the movement';

create table transaction (
  shard smallint not null,
  sequence uuid not null,
  id uuid not null,
  merchant_id uuid not null,
  batch bigint not null,
  effective_at timestamptz not null,
  records_fact boolean not null,
  kind text not null,
  subject text not null,
  external_reference text not null,
  actor text not null,
  trace_id bytea,
  primary key (shard, sequence)
) partition by range (sequence);
create index transaction_subject on transaction (shard, merchant_id, subject, sequence)
  where subject <> '';

create table entry (
  shard smallint not null,
  position smallint not null,
  -- 1 debit, -1 credit.
  side smallint not null check (side in (1, -1)),
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor > 0),
  sequence uuid not null,
  account_id uuid not null,
  merchant_id uuid not null,
  -- The code the caller named, where it was not in the chart and the amount went to suspense.
  submitted_code text,
  primary key (shard, sequence, position)
) partition by range (sequence);
create index entry_account on entry (shard, account_id, sequence);

-- One row per committed batch; `hash` covers the batch before it and every transaction of this one.
create table batch (
  shard smallint not null,
  number bigint not null,
  transactions integer not null,
  first_sequence uuid not null,
  last_sequence uuid not null,
  recorded_at timestamptz not null,
  previous_hash bytea not null check (octet_length(previous_hash) = 32),
  hash bytea not null check (octet_length(hash) = 32),
  primary key (shard, number)
);

-- Ids of authorising commands that were refused: a retry cannot turn a refusal into a posting.
create table rejection (
  shard smallint not null,
  id uuid not null,
  merchant_id uuid not null,
  reason text not null,
  recorded_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (shard, id)
);

-- Immutability -----------------------------------------------------------------------------------

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or removed; post a reversal', tg_table_name
    using errcode = 'restrict_violation';
end $$;

create trigger immutable before update or delete on account
  for each row execute function refuse_change();
create trigger immutable before update or delete on movement
  for each row execute function refuse_change();
create trigger immutable before update or delete on transaction
  for each row execute function refuse_change();
create trigger immutable before update or delete on entry
  for each row execute function refuse_change();
create trigger immutable before update or delete on batch
  for each row execute function refuse_change();
create trigger immutable before update or delete on rejection
  for each row execute function refuse_change();
create trigger undeletable before delete on balance
  for each row execute function refuse_change();

create trigger untruncatable before truncate on account execute function refuse_change();
create trigger untruncatable before truncate on balance execute function refuse_change();
create trigger untruncatable before truncate on movement execute function refuse_change();
create trigger untruncatable before truncate on transaction execute function refuse_change();
create trigger untruncatable before truncate on entry execute function refuse_change();
create trigger untruncatable before truncate on batch execute function refuse_change();
create trigger untruncatable before truncate on rejection execute function refuse_change();

-- Balance assertion, once per statement: whatever inserts entries, debits equal credits in each
-- transaction and currency. With positive amounts that implies two entries or more.
create function refuse_unbalanced() returns trigger language plpgsql as $$
begin
  if exists (
    select from inserted group by sequence, currency having sum(side * amount_minor) <> 0
  ) then
    raise exception 'debits and credits differ' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create trigger balanced after insert on entry referencing new table as inserted
  for each statement execute function refuse_unbalanced();

-- Partitions -------------------------------------------------------------------------------------

-- The smallest sequence of a moment.
create function sequence_floor(at timestamptz) returns uuid language sql immutable as $$
  select rpad(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions of this month and `ahead` more; rows beyond go to the default partition.
-- Answers how many were made. Called by the service every day.
create function make_partitions(at timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
  parent text;
  month timestamptz;
  name text;
  made integer := 0;
begin
  if ahead not between 0 and 24 then
    raise exception 'ahead is 0 to 24 months' using errcode = 'invalid_parameter_value';
  end if;
  foreach parent in array array['transaction', 'entry'] loop
    for step in 0..ahead loop
      month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => step))
        at time zone 'UTC';
      name := parent || to_char(month at time zone 'UTC', '_YYYYMM');
      continue when to_regclass(format('ledger.%I', name)) is not null;
      execute format(
        'create table %I partition of %I for values from (%L) to (%L)', name, parent,
        sequence_floor(month),
        sequence_floor((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'));
      execute format(
        'create trigger untruncatable before truncate on %I execute function refuse_change()',
        name);
      made := made + 1;
    end loop;
  end loop;
  return made;
end $$;

create table transaction_default partition of transaction default;
create table entry_default partition of entry default;
create trigger untruncatable before truncate on transaction_default
  execute function refuse_change();
create trigger untruncatable before truncate on entry_default execute function refuse_change();
do $$ begin perform make_partitions(now(), 3); end $$;

-- Shared by every service ------------------------------------------------------------------------

-- One row per mutation that was asked for: the claim, then the answer (DESIGN section 7).
-- Kept 24 h from completion; only finished rows expire.
create table idempotency_key (
  merchant_id uuid not null,
  method text not null,
  key text not null,
  fingerprint bytea not null,
  fingerprint_version smallint not null,
  -- 0 running, 1 finished
  state smallint not null check (state in (0, 1)),
  -- Each takeover raises it; an old fence changes nothing.
  fence bigint not null,
  lease_until timestamptz not null,
  -- What the claim works on, for those who end abandoned claims.
  subject uuid,
  code smallint,
  message text,
  response bytea,
  details bytea,
  actor text not null,
  trace_id bytea not null,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  expires_at timestamptz,
  primary key (merchant_id, method, key),
  check ((state = 1) = (code is not null and completed_at is not null and expires_at is not null))
) with (fillfactor = 70);
create index idempotency_key_expiry on idempotency_key (expires_at) where state = 1;
create index idempotency_key_running on idempotency_key (lease_until) where state = 0;
grant select, insert, update, delete on idempotency_key to ledger_service;

-- A row that exists is unsent; acknowledged rows are deleted.
create table outbox (
  destination text not null,
  distribution_key uuid not null,
  sequence bigint generated always as identity,
  id uuid not null,
  merchant_id uuid not null,
  payload bytea not null,
  actor text not null,
  trace_id bytea,
  created_at timestamptz not null default now(),
  not_before timestamptz not null default now(),
  lease_until timestamptz,
  fence bigint not null default 0,
  attempts integer not null default 0,
  last_error text,
  primary key (distribution_key, destination, sequence)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index outbox_in_order on outbox (destination, sequence);
grant select, insert, update, delete on outbox to ledger_service;

-- What an operator must see, one row per deduplication key.
create table alert (
  dedup_key text primary key,
  id uuid not null,
  merchant_id uuid,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  kind text not null,
  subject text not null,
  message text not null,
  state text not null default 'open' check (state in ('open', 'resolved')),
  first_seen timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  count bigint not null default 1,
  resolved_at timestamptz,
  actor text not null
);
create index alert_open on alert (severity, first_seen) where state = 'open';
grant select, insert, update on alert to ledger_service;

-- Rights -----------------------------------------------------------------------------------------

revoke all on function make_partitions(timestamptz, integer) from public;
grant usage on schema ledger to ledger_service;
grant select on account, balance, movement, transaction, entry, batch, rejection to ledger_service;
grant execute on function make_partitions(timestamptz, integer) to ledger_service;
