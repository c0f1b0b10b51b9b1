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

-- Posting ----------------------------------------------------------------------------------------

-- Posts one batch in one transaction under the shard's lock; answers a row for each item that was
-- not created: `status` 2 exists (`existing` is its sequence, for the caller to compare contents),
-- 4 rejected (`reason`). Items are numbered from 1. Duplicates inside the batch: the first is
-- created, the others exist.
--
-- Item arrays: p_sequence ascending; p_refusal the reason why an authorising command cannot be
-- posted, or null; p_leaf the 32 bytes that the batch's hash covers for it.
-- Entry arrays: p_entry_item and p_entry_account are positions in the item and account arrays.
-- Account arrays: p_account holds every account of the batch; p_new_* those that may be absent.
--
-- Plans made on empty or unanalysed tables are cached and were seen to scan a whole table for each
-- item, or the arrays for each row of a table (700 ms where 9 are needed). So no statement leaves a
-- choice: the arrays are walked once, and each element probes an index. That is why there is no
-- inner join with a table below.
create function post_batch(
  p_shard smallint,
  p_recorded_at timestamptz,
  p_id uuid[], p_sequence uuid[], p_merchant uuid[], p_effective_at timestamptz[],
  p_fact boolean[], p_kind text[], p_subject text[], p_external_reference text[],
  p_actor text[], p_trace_id bytea[], p_leaf bytea[], p_refusal text[],
  p_entry_item integer[], p_entry_position smallint[], p_entry_account integer[],
  p_entry_side smallint[], p_entry_amount bigint[], p_entry_currency text[],
  p_entry_submitted text[],
  p_account uuid[],
  p_new_id uuid[], p_new_merchant uuid[], p_new_livemode boolean[], p_new_code text[],
  p_new_currency text[], p_new_kind text[], p_new_side smallint[], p_new_actor text[]
) returns table (item integer, status smallint, existing uuid, reason text)
language plpgsql security definer
set search_path = ledger, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
#variable_conflict use_column
declare
  items constant integer := cardinality(p_id);
  -- The reason per item: given, or remembered from before.
  refusals text[] := p_refusal;
  remembered integer[];
  remembered_reasons text[];
  wanted integer;
  done integer;
  -- Whether each item is created by this batch; null when all of them are.
  created boolean[];
  existing_sequences uuid[];
  batch_number bigint;
  hash_before bytea;
  leaves bytea;
begin
  if items not between 1 and 8000 then
    raise exception 'a batch has 1 to 8000 items' using errcode = 'invalid_parameter_value';
  end if;
  -- "LEDG": one writer per shard; the chain below relies on it.
  perform pg_advisory_xact_lock(1279607879, p_shard);

  if not (true = all (p_fact)) then
    select array_agg(x.i), array_agg(x.reason) into remembered, remembered_reasons
      from (
        select u.i, (
            select r.reason from rejection r
            where r.shard = p_shard and r.id = u.id and not u.fact) as reason
        from unnest(p_id, p_fact) with ordinality u(id, fact, i)
        offset 0
      ) x
      where x.reason is not null;
    for n in 1..coalesce(cardinality(remembered), 0) loop
      refusals[remembered[n]] := remembered_reasons[n];
    end loop;
  end if;
  select count(*) into wanted from unnest(refusals) u(refusal) where u.refusal is null;

  insert into movement (shard, id, sequence, merchant_id)
    select p_shard, u.id, u.sequence, u.merchant
    from unnest(p_id, p_sequence, p_merchant, refusals) u(id, sequence, merchant, refusal)
    where u.refusal is null
    on conflict do nothing;
  get diagnostics done = row_count;

  if done < items then
    select array_agg(coalesce(m.sequence = u.sequence, false) order by u.i),
        array_agg(m.sequence order by u.i)
      into created, existing_sequences
      from unnest(p_id, p_sequence) with ordinality u(id, sequence, i)
      left join movement m on m.shard = p_shard and m.id = u.id;
    if wanted < items then
      insert into rejection (shard, id, merchant_id, reason, recorded_at, actor, trace_id)
        select p_shard, u.id, u.merchant, u.refusal, p_recorded_at, u.actor, u.trace_id
        from unnest(p_id, p_merchant, refusals, p_actor, p_trace_id) with ordinality
          u(id, merchant, refusal, actor, trace_id, i)
        where u.refusal is not null and existing_sequences[u.i] is null
        on conflict do nothing;
    end if;
    return query
      select u.i::integer,
        (case when existing_sequences[u.i] is null then 4 else 2 end)::smallint,
        existing_sequences[u.i],
        case when existing_sequences[u.i] is null then u.refusal end
      from unnest(refusals) with ordinality u(refusal, i)
      where not created[u.i];
    if done = 0 then
      return;
    end if;
  end if;

  if cardinality(p_new_id) > 0 then
    insert into account (
        shard, id, merchant_id, livemode, code, currency, kind, normal_side, created_at, actor)
      select p_shard, u.id, u.merchant, u.livemode, u.code, u.currency, u.kind, u.side,
        p_recorded_at, u.actor
      from unnest(p_new_id, p_new_merchant, p_new_livemode, p_new_code, p_new_currency,
          p_new_kind, p_new_side, p_new_actor)
        u(id, merchant, livemode, code, currency, kind, side, actor)
      on conflict (shard, id) do nothing;
    insert into balance (shard, account_id, merchant_id)
      select p_shard, u.id, u.merchant from unnest(p_new_id, p_new_merchant) u(id, merchant)
      on conflict do nothing;
  end if;

  select number, hash into batch_number, hash_before
    from batch where shard = p_shard order by number desc limit 1;
  batch_number := coalesce(batch_number, 0) + 1;
  hash_before := coalesce(hash_before, decode(repeat('00', 32), 'hex'));
  select string_agg(u.leaf, ''::bytea order by u.i) into leaves
    from unnest(p_leaf) with ordinality u(leaf, i) where created is null or created[u.i];
  insert into batch (
      shard, number, transactions, first_sequence, last_sequence, recorded_at, previous_hash, hash)
    values (
      p_shard, batch_number, done, p_sequence[1], p_sequence[items], p_recorded_at, hash_before,
      sha256(hash_before || int2send(p_shard) || int8send(batch_number) || int4send(done)
        || leaves));

  insert into transaction (
      shard, sequence, id, merchant_id, batch, effective_at, records_fact, kind, subject,
      external_reference, actor, trace_id)
    select p_shard, u.sequence, u.id, u.merchant, batch_number, u.effective_at, u.fact, u.kind,
      u.subject, u.external_reference, u.actor, u.trace_id
    from unnest(p_sequence, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
        p_external_reference, p_actor, p_trace_id) with ordinality
      u(sequence, id, merchant, effective_at, fact, kind, subject, external_reference, actor,
        trace_id, i)
    where created is null or created[u.i];

  insert into entry (
      shard, position, side, currency, amount_minor, sequence, account_id, merchant_id,
      submitted_code)
    select p_shard, u.position, u.side, u.currency, u.amount, p_sequence[u.item],
      p_account[u.account], p_merchant[u.item], u.submitted
    from unnest(p_entry_item, p_entry_position, p_entry_side, p_entry_currency, p_entry_amount,
        p_entry_account, p_entry_submitted)
      u(item, position, side, currency, amount, account, submitted)
    where created is null or created[u.item];

  -- In the order of the accounts' ids, so that rows are always locked in one order. The rows are
  -- there already: one that had to be inserted belongs to an account that is absent.
  with changed as (
    insert into balance as b (
        shard, account_id, merchant_id, debits_posted_minor, credits_posted_minor, version, batch)
      select p_shard, d.account_id, d.merchant_id, d.debits, d.credits, -1, batch_number
      from (
        select p_account[u.account] as account_id, p_merchant[min(u.item)] as merchant_id,
          coalesce(sum(u.amount) filter (where u.side = 1), 0)::bigint as debits,
          coalesce(sum(u.amount) filter (where u.side = -1), 0)::bigint as credits
        from unnest(p_entry_item, p_entry_account, p_entry_side, p_entry_amount)
          u(item, account, side, amount)
        where created is null or created[u.item]
        group by u.account
      ) d
      order by d.account_id
      on conflict (shard, account_id) do update set
        debits_posted_minor = b.debits_posted_minor + excluded.debits_posted_minor,
        credits_posted_minor = b.credits_posted_minor + excluded.credits_posted_minor,
        version = b.version + 1,
        batch = excluded.batch
      returning b.version
  )
  select count(*) into done from changed where version = -1;
  if done > 0 then
    raise exception 'an account of the batch is absent' using errcode = 'foreign_key_violation';
  end if;
end $$;

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

revoke all on function post_batch, make_partitions(timestamptz, integer) from public;
grant usage on schema ledger to ledger_service;
grant select on account, balance, movement, transaction, entry, batch, rejection to ledger_service;
grant execute on function post_batch to ledger_service;
grant execute on function make_partitions(timestamptz, integer) to ledger_service;
