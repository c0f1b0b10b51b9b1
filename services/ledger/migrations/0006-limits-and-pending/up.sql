-- Limits of accounts, held transactions, reversals. Runs as ledger_owner with search_path = ledger.
--
-- What the release before does goes on: it calls `append_batch`, reads `entry` for what has moved, and
-- refuses to judge batches of format 3, which it does not write. What is held lies in tables of its
-- own, so that no sum over `entry` changes.

-- Whoever posts holds the shard's lock before any other, and reads and writes the tables below in an
-- order of its own: with the same lock first, none waits for the other in a circle.
do $$ begin perform pg_advisory_xact_lock(1279607879, 0); end $$;

-- Limits -----------------------------------------------------------------------------------------

-- Each change of an account's limits, on its normal side; the newest version counts.
create table account_limit (
  shard smallint not null,
  account_id uuid not null,
  version bigint not null check (version > 0),
  merchant_id uuid not null,
  minimum_minor bigint,
  maximum_minor bigint,
  recorded_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (shard, account_id, version),
  check (minimum_minor <= maximum_minor)
);
create trigger immutable before update or delete on account_limit
  for each row execute function refuse_change();
create trigger untruncatable before truncate on account_limit execute function refuse_change();

-- The newest limits beside the sums that they bound, of debits less credits: for a posting they cost
-- no look elsewhere.
alter table balance add column net_minimum_minor bigint;
alter table balance add column net_maximum_minor bigint;

-- Held transactions -------------------------------------------------------------------------------

-- 1 held, 2 posts what is held, 3 voids it, 4 voids it because its time is over; null: moves at once.
alter table transaction add column phase smallint;
-- The held transaction that it ends.
alter table transaction add column pending_id uuid;
alter table transaction add column expires_at timestamptz;
-- The transaction that it takes back.
alter table transaction add column reverses uuid;
-- Rows of before have none of these.
alter table transaction add constraint transaction_phase check (
  (phase is null or phase between 1 and 4)
  and (coalesce(phase, 0) = 1) = (expires_at is not null)
  and (coalesce(phase, 0) >= 2) = (pending_id is not null)
  and (reverses is null or phase is null)) not valid;

-- The legs of held transactions, as `entry` has those of what moved.
create table pending_entry (
  shard smallint not null,
  position smallint not null,
  side smallint not null check (side in (1, -1)),
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor > 0),
  sequence uuid not null,
  account_id uuid not null,
  merchant_id uuid not null,
  effective_at timestamptz not null,
  primary key (shard, sequence, position)
) partition by range (sequence);
create trigger immutable before update or delete on pending_entry
  for each row execute function refuse_change();
create trigger untruncatable before truncate on pending_entry execute function refuse_change();
create trigger balanced after insert on pending_entry referencing new table as inserted
  for each statement execute function refuse_unbalanced();

-- How each ended: once, whoever tries, for the key is the held transaction's.
create table pending_resolution (
  shard smallint not null,
  pending_id uuid not null,
  sequence uuid not null,
  merchant_id uuid not null,
  phase smallint not null check (phase between 2 and 4),
  primary key (shard, pending_id)
);
create trigger immutable before update or delete on pending_resolution
  for each row execute function refuse_change();
create trigger untruncatable before truncate on pending_resolution
  execute function refuse_change();

-- What is held now, leg by leg: derived, written by `write_batch` alone. The pending sums of
-- `balance` are the sums over it.
create table pending_open (
  shard smallint not null,
  pending_id uuid not null,
  position smallint not null,
  sequence uuid not null,
  account_id uuid not null,
  merchant_id uuid not null,
  side smallint not null,
  amount_minor bigint not null,
  expires_at timestamptz not null,
  primary key (shard, pending_id, position)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index pending_open_expiry on pending_open (shard, expires_at);
create index pending_open_account on pending_open (shard, account_id);
create index pending_open_merchant on pending_open (shard, merchant_id, expires_at);

-- What was taken back, and by what: once.
create table reversal (
  shard smallint not null,
  reversed_id uuid not null,
  sequence uuid not null,
  merchant_id uuid not null,
  primary key (shard, reversed_id)
);
create trigger immutable before update or delete on reversal
  for each row execute function refuse_change();
create trigger untruncatable before truncate on reversal execute function refuse_change();

-- Format 3: as 2, with transactions whose leaves cover the columns above.
alter table batch drop constraint batch_format_check;
alter table batch add constraint batch_format_check check (format in (1, 2, 3)) not valid;

-- Partitions, of one more table: as in 0001.
create table pending_entry_default partition of pending_entry default;
create trigger untruncatable before truncate on pending_entry_default
  execute function refuse_change();
create or replace function make_partitions(at timestamptz, ahead integer) returns integer
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
  foreach parent in array array['transaction', 'entry', 'pending_entry'] loop
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
do $$ begin perform make_partitions(now(), 3); end $$;

-- The one way to write the books -----------------------------------------------------------------

-- As `append_batch` (0003), and:
-- p_recorded_at: null for the database's clock, one for all processes.
-- p_phase, p_other, p_expires_at, p_ends: empty, or one for each item: 0 moves at once, 1 to 4 as in
-- `transaction`, 5 takes back; the transaction that it ends or takes back; until when it is held;
-- whether it does end or take back what it names (a fact may find nothing there).
-- p_decided: whoever calls has decided on each item, under the shard's lock, by limits and by what is
-- held. Without that, a batch that may pass a limit in some order is refused as a whole: TL001.
create function write_batch(
  p_shard smallint,
  p_recorded_at timestamptz,
  p_id uuid[], p_merchant uuid[], p_effective_at timestamptz[],
  p_fact boolean[], p_kind text[], p_subject text[], p_external_reference text[],
  p_actor text[], p_trace_id bytea[], p_leaf bytea[], p_refusal text[],
  p_entry_item integer[], p_entry_position smallint[], p_entry_account integer[],
  p_entry_side smallint[], p_entry_amount bigint[], p_entry_currency text[],
  p_entry_submitted text[],
  p_account uuid[],
  p_new_id uuid[], p_new_merchant uuid[], p_new_livemode boolean[], p_new_code text[],
  p_new_currency text[], p_new_kind text[], p_new_side smallint[], p_new_actor text[],
  p_phase smallint[], p_other uuid[], p_expires_at timestamptz[], p_ends boolean[],
  p_decided boolean
) returns table (item integer, status smallint, existing uuid, reason text)
language plpgsql security definer
set search_path = ledger, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
#variable_conflict use_column
declare
  items constant integer := cardinality(p_id);
  refusals text[] := p_refusal;
  remembered integer[];
  remembered_reasons text[];
  wanted integer;
  done integer;
  created boolean[];
  existing_sequences uuid[];
  head batch;
  batch_number bigint;
  batch_time timestamptz;
  milliseconds bigint;
  base text;
  sequences uuid[];
  leaves bytea;
  places integer[];
  snapped uuid[];
  -- Anything but transactions that move at once, and take nothing back.
  extended constant boolean := cardinality(p_phase) > 0;
  limited boolean;
begin
  if items not between 1 and 8000 then
    raise exception 'a batch has 1 to 8000 items' using errcode = 'invalid_parameter_value';
  end if;
  -- "LEDG": one writer per shard at a time. Who waits is served in order of arrival, and a process
  -- that dies lets go with its connection.
  perform pg_advisory_xact_lock(1279607879, p_shard);

  select shard, number, transactions, first_sequence, last_sequence, recorded_at, previous_hash,
      hash, format
    into head.shard, head.number, head.transactions, head.first_sequence, head.last_sequence,
      head.recorded_at, head.previous_hash, head.hash, head.format
    from batch where shard = p_shard order by number desc limit 1;
  batch_number := coalesce(head.number, 0) + 1;
  batch_time := greatest(coalesce(p_recorded_at, clock_timestamp()), head.recorded_at);
  milliseconds := floor(extract(epoch from batch_time) * 1000);
  if head.number is not null then
    -- Batches of format 1 are not ordered within a millisecond.
    milliseconds := greatest(milliseconds, case head.format when 1 then 1 else 0 end
      + ('x' || translate(left(head.last_sequence::text, 13), '-', ''))::bit(48)::bigint);
  end if;
  base := lpad(to_hex(milliseconds), 12, '0') || lpad(to_hex(batch_number), 12, '0');
  sequences := array(
    select (base || lpad(to_hex(i - 1), 8, '0'))::uuid from generate_series(1, items) i);

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
    from unnest(p_id, sequences, p_merchant, refusals) u(id, sequence, merchant, refusal)
    where u.refusal is null
    on conflict do nothing;
  get diagnostics done = row_count;

  if p_decided and done < wanted then
    raise exception 'the books are not what was decided on' using errcode = 'serialization_failure';
  end if;

  if done < items then
    select array_agg(coalesce(m.sequence = u.sequence, false) order by u.i),
        array_agg(m.sequence order by u.i)
      into created, existing_sequences
      from unnest(p_id, sequences) with ordinality u(id, sequence, i)
      left join movement m on m.shard = p_shard and m.id = u.id;
    if wanted < items then
      insert into rejection (shard, id, merchant_id, reason, recorded_at, actor, trace_id)
        select p_shard, u.id, u.merchant, u.refusal, batch_time, u.actor, u.trace_id
        from unnest(p_id, p_merchant, refusals, p_actor, p_trace_id) with ordinality
          u(id, merchant, refusal, actor, trace_id, i)
        where u.refusal is not null
          and (existing_sequences[u.i] is null or existing_sequences[u.i] > sequences[u.i])
        on conflict do nothing;
    end if;
    -- What a later item of the batch created was not there when a refused one came.
    return query
      select x.i, (case when x.existing is null then 4 else 2 end)::smallint, x.existing,
        case when x.existing is null then x.refusal end
      from (
        select u.i::integer as i, u.refusal, case
            when u.refusal is null or existing_sequences[u.i] < sequences[u.i]
            then existing_sequences[u.i] end as existing
        from unnest(refusals) with ordinality u(refusal, i)
        where not created[u.i]
        offset 0
      ) x;
    if done = 0 then
      return;
    end if;
  end if;

  if cardinality(p_new_id) > 0 then
    insert into account (
        shard, id, merchant_id, livemode, code, currency, kind, normal_side, created_at, actor)
      select p_shard, u.id, u.merchant, u.livemode, u.code, u.currency, u.kind, u.side,
        batch_time, u.actor
      from unnest(p_new_id, p_new_merchant, p_new_livemode, p_new_code, p_new_currency,
          p_new_kind, p_new_side, p_new_actor)
        u(id, merchant, livemode, code, currency, kind, side, actor)
      on conflict (shard, id) do nothing;
    insert into balance (shard, account_id, merchant_id)
      select p_shard, u.id, u.merchant from unnest(p_new_id, p_new_merchant) u(id, merchant)
      on conflict do nothing;
  end if;

  select string_agg(u.leaf, ''::bytea order by u.i),
      case when created is not null then array_agg((u.i - 1)::integer order by u.i) end
    into leaves, places
    from unnest(p_leaf) with ordinality u(leaf, i) where created is null or created[u.i];
  insert into batch (
      shard, number, transactions, first_sequence, last_sequence, recorded_at, previous_hash, hash,
      format, leaves, positions)
    values (
      p_shard, batch_number, done, sequences[1], sequences[items], batch_time,
      coalesce(head.hash, decode(repeat('00', 32), 'hex')),
      sha256(convert_to(case when extended then 'tender.batch.v3' else 'tender.batch.v2' end, 'UTF8')
        || coalesce(head.hash, decode(repeat('00', 32), 'hex'))
        || int2send(p_shard) || int8send(batch_number) || int4send(done)
        || uuid_send(sequences[1]) || uuid_send(sequences[items])
        || int8send((extract(epoch from batch_time) * 1000000)::bigint)
        || int4send(coalesce(cardinality(places), 0))
        || coalesce((select string_agg(int4send(u.place), ''::bytea order by u.i)
            from unnest(places) with ordinality u(place, i)), ''::bytea)
        || leaves),
      case when extended then 3 else 2 end, leaves, places);

  insert into transaction (
      shard, sequence, id, merchant_id, batch, effective_at, records_fact, kind, subject,
      external_reference, actor, trace_id, phase, pending_id, expires_at, reverses)
    select p_shard, u.sequence, u.id, u.merchant, batch_number, u.effective_at, u.fact, u.kind,
      u.subject, u.external_reference, u.actor, u.trace_id,
      case when u.phase between 1 and 4 then u.phase end,
      case when u.phase between 2 and 4 then u.other end,
      u.expires_at, case when u.phase = 5 then u.other end
    from unnest(sequences, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
        p_external_reference, p_actor, p_trace_id, p_phase, p_other, p_expires_at) with ordinality
      u(sequence, id, merchant, effective_at, fact, kind, subject, external_reference, actor,
        trace_id, phase, other, expires_at, i)
    where created is null or created[u.i];

  insert into entry (
      shard, position, side, currency, amount_minor, sequence, account_id, merchant_id,
      submitted_code, effective_at)
    select p_shard, u.position, u.side, u.currency, u.amount, sequences[u.item],
      p_account[u.account], p_merchant[u.item], u.submitted, p_effective_at[u.item]
    from unnest(p_entry_item, p_entry_position, p_entry_side, p_entry_currency, p_entry_amount,
        p_entry_account, p_entry_submitted)
      u(item, position, side, currency, amount, account, submitted)
    where (created is null or created[u.item]) and (not extended or p_phase[u.item] <> 1);

  if extended then
    perform write_pending(p_shard, batch_number, created, sequences, p_id, p_merchant,
      p_effective_at, p_entry_item, p_entry_position, p_entry_account, p_entry_side,
      p_entry_amount, p_entry_currency, p_account, p_phase, p_other, p_expires_at, p_ends);
  end if;

  -- In the order of the accounts' ids, so that rows are always locked in one order. The rows are
  -- there already: one that had to be inserted belongs to an account that is absent.
  with changed as (
    insert into balance as b (
        shard, account_id, merchant_id, debits_posted_minor, credits_posted_minor, version, batch,
        entries)
      select p_shard, d.account_id, d.merchant_id, d.debits, d.credits, -1, batch_number, d.entries
      from (
        select p_account[u.account] as account_id, p_merchant[min(u.item)] as merchant_id,
          coalesce(sum(u.amount) filter (where u.side = 1), 0)::bigint as debits,
          coalesce(sum(u.amount) filter (where u.side = -1), 0)::bigint as credits,
          count(*) as entries
        from unnest(p_entry_item, p_entry_account, p_entry_side, p_entry_amount)
          u(item, account, side, amount)
        where (created is null or created[u.item]) and (not extended or p_phase[u.item] <> 1)
        group by u.account
      ) d
      order by d.account_id
      on conflict (shard, account_id) do update set
        debits_posted_minor = b.debits_posted_minor + excluded.debits_posted_minor,
        credits_posted_minor = b.credits_posted_minor + excluded.credits_posted_minor,
        version = b.version + 1,
        batch = excluded.batch,
        entries = b.entries + excluded.entries,
        snapshot_entries = case
          when b.entries + excluded.entries - b.snapshot_entries >= 2000
          then b.entries + excluded.entries else b.snapshot_entries end
      returning b.account_id, b.version, b.entries, b.snapshot_entries,
        b.net_minimum_minor is not null or b.net_maximum_minor is not null as limited
  )
  select count(*) filter (where version = -1),
      array_agg(account_id) filter (where entries = snapshot_entries), bool_or(changed.limited)
    into done, snapped, limited from changed;
  if done > 0 then
    raise exception 'an account of the batch is absent' using errcode = 'foreign_key_violation';
  end if;
  if limited and p_decided is not true and not (true = all (p_fact)) then
    -- Whatever the order, no prefix of the batch passes a limit if all that lowers an account does
    -- not by itself, nor all that raises it.
    perform from (
        select u.account, coalesce(sum(u.amount) filter (where u.side = 1), 0) as debits,
          coalesce(sum(u.amount) filter (where u.side = -1), 0) as credits
        from unnest(p_entry_item, p_entry_account, p_entry_side, p_entry_amount)
          u(item, account, side, amount)
        where created is null or created[u.item]
        group by u.account
        offset 0
      ) d
      cross join lateral (
        select * from balance where shard = p_shard and account_id = p_account[d.account]
      ) b
      where b.debits_posted_minor - d.debits - b.credits_posted_minor - b.credits_pending_minor
          < b.net_minimum_minor
        or b.debits_posted_minor - b.credits_posted_minor + d.credits + b.debits_pending_minor
          > b.net_maximum_minor;
    if found then
      raise exception 'a limit may be passed: decide item by item'
        -- Whoever cannot decide comes again, to a replica that can.
        using errcode = case when p_decided is null then '55P03' else 'TL001' end;
    end if;
  end if;
  if snapped is not null then
    perform take_snapshots(p_shard, snapped, sequences[items]);
  end if;
end $$;

-- The part of `write_batch` that is about what is held, and what is taken back. Compare and set: a
-- second end of one transaction fails by the key, and the batch with it.
create function write_pending(
  p_shard smallint, p_batch bigint, p_created boolean[], p_sequence uuid[], p_id uuid[],
  p_merchant uuid[], p_effective_at timestamptz[],
  p_entry_item integer[], p_entry_position smallint[], p_entry_account integer[],
  p_entry_side smallint[], p_entry_amount bigint[], p_entry_currency text[],
  p_account uuid[],
  p_phase smallint[], p_other uuid[], p_expires_at timestamptz[], p_ends boolean[]
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
declare
  ending uuid[];
  ended bigint;
  wanted bigint;
begin
  insert into pending_entry (
      shard, position, side, currency, amount_minor, sequence, account_id, merchant_id,
      effective_at)
    select p_shard, u.position, u.side, u.currency, u.amount, p_sequence[u.item],
      p_account[u.account], p_merchant[u.item], p_effective_at[u.item]
    from unnest(p_entry_item, p_entry_position, p_entry_side, p_entry_currency, p_entry_amount,
        p_entry_account)
      u(item, position, side, currency, amount, account)
    where (p_created is null or p_created[u.item]) and p_phase[u.item] = 1;
  insert into pending_open (
      shard, pending_id, position, sequence, account_id, merchant_id, side, amount_minor,
      expires_at)
    select p_shard, p_id[u.item], u.position, p_sequence[u.item], p_account[u.account],
      p_merchant[u.item], u.side, u.amount, p_expires_at[u.item]
    from unnest(p_entry_item, p_entry_position, p_entry_side, p_entry_amount, p_entry_account)
      u(item, position, side, amount, account)
    where (p_created is null or p_created[u.item]) and p_phase[u.item] = 1;
  -- Before anything of this batch is released: the sums never go below zero.
  update balance b set
      debits_pending_minor = b.debits_pending_minor + d.debits,
      credits_pending_minor = b.credits_pending_minor + d.credits,
      version = b.version + 1, batch = p_batch
    from (
      select p_account[u.account] as account_id,
        coalesce(sum(u.amount) filter (where u.side = 1), 0)::bigint as debits,
        coalesce(sum(u.amount) filter (where u.side = -1), 0)::bigint as credits
      from unnest(p_entry_item, p_entry_account, p_entry_side, p_entry_amount)
        u(item, account, side, amount)
      where (p_created is null or p_created[u.item]) and p_phase[u.item] = 1
      group by u.account
    ) d
    where b.shard = p_shard and b.account_id = d.account_id;
  get diagnostics ended = row_count;
  select count(distinct u.account) into wanted
    from unnest(p_entry_item, p_entry_account) u(item, account)
    where (p_created is null or p_created[u.item]) and p_phase[u.item] = 1;
  if ended < wanted then
    raise exception 'an account of the batch is absent' using errcode = 'foreign_key_violation';
  end if;

  select array_agg(u.other) into ending
    from unnest(p_phase, p_other, p_ends) with ordinality u(phase, other, ends, i)
    where u.phase between 2 and 4 and u.ends and (p_created is null or p_created[u.i]);
  if ending is not null then
    insert into pending_resolution (shard, pending_id, sequence, merchant_id, phase)
      select p_shard, u.other, p_sequence[u.i], p_merchant[u.i], u.phase
      from unnest(p_phase, p_other, p_ends) with ordinality u(phase, other, ends, i)
      where u.phase between 2 and 4 and u.ends and (p_created is null or p_created[u.i]);
    with released as (
      delete from pending_open o where o.shard = p_shard and o.pending_id = any (ending)
      returning o.pending_id, o.account_id, o.side, o.amount_minor
    ), changed as (
      update balance b set
          debits_pending_minor = b.debits_pending_minor - d.debits,
          credits_pending_minor = b.credits_pending_minor - d.credits,
          version = b.version + 1, batch = p_batch
        from (
          select r.account_id,
            coalesce(sum(r.amount_minor) filter (where r.side = 1), 0)::bigint as debits,
            coalesce(sum(r.amount_minor) filter (where r.side = -1), 0)::bigint as credits
          from released r group by r.account_id
        ) d
        where b.shard = p_shard and b.account_id = d.account_id
        returning b.account_id
    )
    select count(distinct pending_id) into ended from released;
    if ended <> cardinality(ending) then
      raise exception 'a held transaction is not there to be ended'
        using errcode = 'restrict_violation';
    end if;
  end if;

  insert into reversal (shard, reversed_id, sequence, merchant_id)
    select p_shard, u.other, p_sequence[u.i], p_merchant[u.i]
    from unnest(p_phase, p_other, p_ends) with ordinality u(phase, other, ends, i)
    where u.phase = 5 and u.ends and (p_created is null or p_created[u.i]);
end $$;

-- What the release before calls: all its transactions move at once. It cannot decide by limits; where
-- one may be passed it is told to come again (lock_not_available), until a newer replica answers.
create or replace function append_batch(
  p_shard smallint,
  p_recorded_at timestamptz,
  p_id uuid[], p_merchant uuid[], p_effective_at timestamptz[],
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
as $$
begin
  return query select w.item, w.status, w.existing, w.reason from write_batch(
    p_shard, p_recorded_at, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
    p_external_reference, p_actor, p_trace_id, p_leaf, p_refusal, p_entry_item, p_entry_position,
    p_entry_account, p_entry_side, p_entry_amount, p_entry_currency, p_entry_submitted, p_account,
    p_new_id, p_new_merchant, p_new_livemode, p_new_code, p_new_currency, p_new_kind, p_new_side,
    p_new_actor, '{}', '{}', '{}', '{}', null) w;
end $$;

-- Sets an account's limits (null: none), under the shard's lock; makes the account if it is new.
-- Answers the version.
create function set_account_limit(
  p_shard smallint, p_account uuid, p_merchant uuid, p_livemode boolean, p_code text,
  p_currency text, p_kind text, p_side smallint, p_minimum bigint, p_maximum bigint,
  p_actor text, p_trace_id bytea
) returns bigint
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
  newest bigint;
begin
  perform pg_advisory_xact_lock(1279607879, p_shard);
  insert into account (
      shard, id, merchant_id, livemode, code, currency, kind, normal_side, created_at, actor,
      trace_id)
    values (p_shard, p_account, p_merchant, p_livemode, p_code, p_currency, p_kind, p_side,
      clock_timestamp(), p_actor, p_trace_id)
    on conflict (shard, id) do nothing;
  insert into balance (shard, account_id, merchant_id) values (p_shard, p_account, p_merchant)
    on conflict do nothing;
  select coalesce(max(version), 0) + 1 into newest from account_limit
    where shard = p_shard and account_id = p_account;
  insert into account_limit (
      shard, account_id, version, merchant_id, minimum_minor, maximum_minor, recorded_at, actor,
      trace_id)
    values (p_shard, p_account, newest, p_merchant, p_minimum, p_maximum, clock_timestamp(),
      p_actor, p_trace_id);
  update balance set
      net_minimum_minor = case p_side when 1 then p_minimum else -p_maximum end,
      net_maximum_minor = case p_side when 1 then p_maximum else -p_minimum end
    where shard = p_shard and account_id = p_account;
  return newest;
end $$;

-- The next accounts behind `p_after`, each with what its balance keeps of what is held and of its
-- limits, what is listed as held, and what the legs of these say.
create function drift_pending(p_shard smallint, p_after uuid, p_limit integer) returns table (
  account_id uuid, merchant_id uuid, code text, currency char(3),
  kept_debits bigint, kept_credits bigint, listed_debits bigint, listed_credits bigint,
  entries_debits bigint, entries_credits bigint, limits_agree boolean
) language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
begin
  return query
    select a.id, a.merchant_id, a.code, a.currency,
      coalesce(b.debits_pending_minor, 0), coalesce(b.credits_pending_minor, 0),
      within_bigint(x.listed_debits), within_bigint(x.listed_credits),
      within_bigint(x.debits), within_bigint(x.credits),
      coalesce(
        case a.normal_side when 1 then b.net_minimum_minor else -b.net_maximum_minor end
          is not distinct from l.minimum_minor
        and case a.normal_side when 1 then b.net_maximum_minor else -b.net_minimum_minor end
          is not distinct from l.maximum_minor, false)
    from (
      select * from account t where t.shard = p_shard and t.id > p_after order by t.id limit p_limit
    ) a
    left join balance b on b.shard = p_shard and b.account_id = a.id
    cross join lateral (
      select sum(o.amount_minor) filter (where o.side = 1) as listed_debits,
        sum(o.amount_minor) filter (where o.side = -1) as listed_credits,
        sum(e.amount_minor) filter (where e.side = 1) as debits,
        sum(e.amount_minor) filter (where e.side = -1) as credits
      from pending_open o
      left join lateral (
        select p.side, p.amount_minor from pending_entry p
        where p.shard = p_shard and p.sequence = o.sequence and p.position = o.position
          and p.account_id = o.account_id
      ) e on true
      where o.shard = p_shard and o.account_id = a.id
    ) x
    left join lateral (
      select n.minimum_minor, n.maximum_minor from account_limit n
      where n.shard = p_shard and n.account_id = a.id order by n.version desc limit 1
    ) l on true
    order by a.id;
end $$;

revoke all on function write_batch, write_pending, set_account_limit, drift_pending from public;
grant execute on function write_batch, set_account_limit, drift_pending to ledger_service;
-- The release before calls `append_batch`. What came before that asks nobody about limits.
revoke execute on function post_batch from ledger_service;
grant select on account_limit, pending_entry, pending_resolution, pending_open, reversal
  to ledger_service;
