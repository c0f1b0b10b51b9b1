-- The one way to write the books.

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

revoke all on function post_batch from public;
grant execute on function post_batch to ledger_service;
