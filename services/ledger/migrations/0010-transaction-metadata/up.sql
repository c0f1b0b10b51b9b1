-- Metadata of transactions. Runs as ledger_owner with search_path = ledger.
--
-- The release before goes on: it calls `write_batch` without metadata, reads the columns that it knows,
-- and refuses to judge batches of format 4, which it does not write.

-- Whoever posts holds the shard's lock before any other: with it first, none waits for the other in a
-- circle.
do $$ begin perform pg_advisory_xact_lock(1279607879, 0); end $$;

-- What whoever posted keeps with it: keys in the order of their bytes, and a value for each; null in
-- both for none, as in the rows of before. A null takes no room.
alter table transaction add column metadata_keys text[];
alter table transaction add column metadata_values text[];
alter table transaction add constraint transaction_metadata check (
  metadata_keys is null and metadata_values is null
  or metadata_keys is not null and metadata_values is not null
    and cardinality(metadata_keys) between 1 and 20
    and cardinality(metadata_values) = cardinality(metadata_keys)
    and array_position(metadata_keys, null) is null
    and array_position(metadata_values, null) is null) not valid;

-- Format 4: as 3, with transactions whose leaves cover the columns above.
alter table batch drop constraint batch_format_check;
alter table batch add constraint batch_format_check check (format in (1, 2, 3, 4)) not valid;

-- Whether an account is closed (0014). Beside the limits: for a posting it costs no look elsewhere.
alter table balance add column closed boolean not null default false;

-- The one way to write the books -----------------------------------------------------------------

-- As in 0006, and: p_metadata_keys, p_metadata_values: empty, or one for each item: null, or the text of
-- an array (arrays within an array would all have to be of one size). A closed account counts as limited,
-- and whoever asks for something on it is decided on item by item (TL001).
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
  p_decided boolean,
  p_metadata_keys text[], p_metadata_values text[]
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
  -- Which columns the leaves may cover.
  batch_format constant smallint := case when cardinality(p_metadata_keys) > 0 then 4
    when cardinality(p_phase) > 0 then 3 else 2 end;
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
      sha256(convert_to('tender.batch.v' || batch_format, 'UTF8')
        || coalesce(head.hash, decode(repeat('00', 32), 'hex'))
        || int2send(p_shard) || int8send(batch_number) || int4send(done)
        || uuid_send(sequences[1]) || uuid_send(sequences[items])
        || int8send((extract(epoch from batch_time) * 1000000)::bigint)
        || int4send(coalesce(cardinality(places), 0))
        || coalesce((select string_agg(int4send(u.place), ''::bytea order by u.i)
            from unnest(places) with ordinality u(place, i)), ''::bytea)
        || leaves),
      batch_format, leaves, places);

  insert into transaction (
      shard, sequence, id, merchant_id, batch, effective_at, records_fact, kind, subject,
      external_reference, actor, trace_id, phase, pending_id, expires_at, reverses,
      metadata_keys, metadata_values)
    select p_shard, u.sequence, u.id, u.merchant, batch_number, u.effective_at, u.fact, u.kind,
      u.subject, u.external_reference, u.actor, u.trace_id,
      case when u.phase between 1 and 4 then u.phase end,
      case when u.phase between 2 and 4 then u.other end,
      u.expires_at, case when u.phase = 5 then u.other end,
      u.metadata_keys::text[], u.metadata_values::text[]
    from unnest(sequences, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
        p_external_reference, p_actor, p_trace_id, p_phase, p_other, p_expires_at, p_metadata_keys,
        p_metadata_values) with ordinality
      u(sequence, id, merchant, effective_at, fact, kind, subject, external_reference, actor,
        trace_id, phase, other, expires_at, metadata_keys, metadata_values, i)
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
        b.closed or b.net_minimum_minor is not null or b.net_maximum_minor is not null as limited
  )
  select count(*) filter (where version = -1),
      array_agg(account_id) filter (where entries = snapshot_entries), bool_or(changed.limited)
    into done, snapped, limited from changed;
  if done > 0 then
    raise exception 'an account of the batch is absent' using errcode = 'foreign_key_violation';
  end if;
  if limited and p_decided is not true and not (true = all (p_fact)) then
    -- Whatever the order, no prefix of the batch passes a limit if all that lowers an account does
    -- not by itself, nor all that raises it; on a closed account nothing may move but facts.
    perform from (
        select u.account, coalesce(sum(u.amount) filter (where u.side = 1), 0) as debits,
          coalesce(sum(u.amount) filter (where u.side = -1), 0) as credits,
          not bool_and(p_fact[u.item]) as asks
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
          > b.net_maximum_minor
        or b.closed and d.asks;
    if found then
      raise exception 'a limit may be passed, or an account is closed: decide item by item'
        -- Whoever cannot decide comes again, to a replica that can.
        using errcode = case when p_decided is null then '55P03' else 'TL001' end;
    end if;
  end if;
  if snapped is not null then
    perform take_snapshots(p_shard, snapped, sequences[items]);
  end if;
end $$;

-- What the release before calls: its transactions have no metadata.
create or replace function write_batch(
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
as $$
begin
  return query select w.item, w.status, w.existing, w.reason from write_batch(
    p_shard, p_recorded_at, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
    p_external_reference, p_actor, p_trace_id, p_leaf, p_refusal, p_entry_item, p_entry_position,
    p_entry_account, p_entry_side, p_entry_amount, p_entry_currency, p_entry_submitted, p_account,
    p_new_id, p_new_merchant, p_new_livemode, p_new_code, p_new_currency, p_new_kind, p_new_side,
    p_new_actor, p_phase, p_other, p_expires_at, p_ends, p_decided, '{}', '{}') w;
end $$;

revoke all on function write_batch(
  smallint, timestamptz, uuid[], uuid[], timestamptz[], boolean[], text[], text[], text[], text[],
  bytea[], bytea[], text[], integer[], smallint[], integer[], smallint[], bigint[], text[], text[],
  uuid[], uuid[], uuid[], boolean[], text[], text[], text[], smallint[], text[], smallint[], uuid[],
  timestamptz[], boolean[], boolean, text[], text[])
  from public;
grant execute on function write_batch(
  smallint, timestamptz, uuid[], uuid[], timestamptz[], boolean[], text[], text[], text[], text[],
  bytea[], bytea[], text[], integer[], smallint[], integer[], smallint[], bigint[], text[], text[],
  uuid[], uuid[], uuid[], boolean[], text[], text[], text[], smallint[], text[], smallint[], uuid[],
  timestamptz[], boolean[], boolean, text[], text[])
  to ledger_service;
