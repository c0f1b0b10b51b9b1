-- One order of the books, what a proof needs to name a changed row, and balances at any instant.
-- Runs as ledger_owner with search_path = ledger.
--
-- `append_batch` numbers what it posts itself, under the shard's lock: `sequence` ascends with the
-- batches, whichever replica posts. So what was recorded by an instant is a prefix of the entries.
-- `post_batch` stays for the release before, which numbers its own batches.

-- Proof ------------------------------------------------------------------------------------------

-- Format 1: `hash` covers the batch before, shard, number, count and leaves. Format 2 covers every
-- column, and the leaves are kept: a verifier can say which transaction is not what it was.
alter table batch add column format smallint not null default 1 check (format in (1, 2));
alter table batch add column leaves bytea;
alter table batch alter column leaves set storage external;
-- The items of the command that were created, from 0; null: all of them.
alter table batch add column positions integer[];
alter table batch add constraint batch_leaves
  check (format = 1 or coalesce(octet_length(leaves), 0) = 32 * transactions);
create index batch_recorded on batch (shard, recorded_at, number);

-- Whoever inserts a batch: it follows the one before in number, hash, time and order.
create function refuse_disorder() returns trigger language plpgsql as $$
declare
  head batch;
begin
  select * into head from batch where shard = new.shard order by number desc limit 1;
  if found and not (new.number = head.number + 1 and new.previous_hash = head.hash
      and new.recorded_at >= head.recorded_at and new.first_sequence > head.last_sequence) then
    raise exception 'batch % does not follow batch %', new.number, head.number
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger ordered before insert on batch for each row execute function refuse_disorder();

-- What checks found, and the head of the chain they saw: written once, so that a chain that was
-- shortened or rewritten since is noticed.
create table proof_run (
  id uuid primary key,
  kind text not null check (kind in ('chain', 'drift')),
  started_at timestamptz not null,
  finished_at timestamptz not null,
  -- Batches, or accounts and snapshots.
  checked bigint not null,
  findings bigint not null,
  head_batch bigint,
  head_hash bytea,
  actor text not null,
  check ((kind = 'chain') = (head_batch is not null and head_hash is not null))
);
create index proof_run_newest on proof_run (kind, finished_at);
create trigger immutable before update or delete on proof_run
  for each row execute function refuse_change();
create trigger untruncatable before truncate on proof_run execute function refuse_change();

-- Background workers: one holder at a time; a holder whose fence is old has lost the lease.
create table worker_lease (
  name text primary key,
  holder uuid not null,
  fence bigint not null,
  expires_at timestamptz not null
);

-- History ----------------------------------------------------------------------------------------

-- When it happened in the world; null in rows of before, whose transaction says it.
alter table entry add column effective_at timestamptz;

-- Entries counted since this migration, and the count at the last snapshot.
alter table balance add column entries bigint not null default 0;
alter table balance add column snapshot_entries bigint not null default 0;

-- An account's sums over all its entries up to `sequence`: one row whenever at least 2,000 entries
-- have come since the last, made with the batch that brought them.
create table balance_snapshot (
  shard smallint not null,
  account_id uuid not null,
  sequence uuid not null,
  merchant_id uuid not null,
  debits_posted_minor bigint not null,
  credits_posted_minor bigint not null,
  primary key (shard, account_id, sequence)
);

-- The entries between two snapshots by the hour in which they took effect. An instant cuts few of
-- these pieces; all others count whole or not at all.
create table balance_piece (
  shard smallint not null,
  account_id uuid not null,
  -- The snapshot that ends the piece, and the sequence behind which it begins.
  sequence uuid not null,
  after_sequence uuid not null,
  effective_hour timestamptz not null,
  merchant_id uuid not null,
  earliest timestamptz not null,
  latest timestamptz not null,
  debits_minor bigint not null,
  credits_minor bigint not null,
  primary key (shard, account_id, sequence, effective_hour)
);

create index balance_piece_effective on balance_piece (shard, account_id, effective_hour);

-- 32 snapshots' pieces together, by the day in which they took effect: `sequence` is the last one's.
create table balance_block (
  shard smallint not null,
  account_id uuid not null,
  sequence uuid not null,
  effective_day timestamptz not null,
  merchant_id uuid not null,
  debits_minor bigint not null,
  credits_minor bigint not null,
  primary key (shard, account_id, sequence, effective_day)
);

create trigger immutable before update or delete on balance_snapshot
  for each row execute function refuse_change();
create trigger untruncatable before truncate on balance_snapshot execute function refuse_change();
create trigger immutable before update or delete on balance_piece
  for each row execute function refuse_change();
create trigger untruncatable before truncate on balance_piece execute function refuse_change();
create trigger immutable before update or delete on balance_block
  for each row execute function refuse_change();
create trigger untruncatable before truncate on balance_block execute function refuse_change();

-- What is there already is each account's first snapshot.
with head as (
  select shard, max(last_sequence::text)::uuid as sequence from batch group by shard
)
insert into balance_snapshot (
    shard, account_id, sequence, merchant_id, debits_posted_minor, credits_posted_minor)
  select b.shard, b.account_id, h.sequence, b.merchant_id, b.debits_posted_minor,
    b.credits_posted_minor
  from balance b join head h on h.shard = b.shard where b.version > 0;
with head as (
  select shard, max(last_sequence::text)::uuid as sequence from batch group by shard
)
insert into balance_piece (
    shard, account_id, sequence, after_sequence, effective_hour, merchant_id, earliest, latest,
    debits_minor, credits_minor)
  select e.shard, e.account_id, h.sequence, '00000000-0000-0000-0000-000000000000'::uuid,
    date_bin('1 hour', t.effective_at, 'epoch'), min(e.merchant_id::text)::uuid,
    min(t.effective_at), max(t.effective_at),
    coalesce(sum(e.amount_minor) filter (where e.side = 1), 0)::bigint,
    coalesce(sum(e.amount_minor) filter (where e.side = -1), 0)::bigint
  from entry e join transaction t on t.shard = e.shard and t.sequence = e.sequence
  join head h on h.shard = e.shard
  group by e.shard, e.account_id, h.sequence, 5;

-- Where the books stood at an instant: the sequence of the last row recorded by then; null: now.
create function books_at(p_shard smallint, p_recorded timestamptz) returns uuid
language sql stable as $$
  select case when p_recorded is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
    else coalesce(
      (select last_sequence from batch where shard = p_shard and recorded_at <= p_recorded
       order by recorded_at desc, number desc limit 1),
      '00000000-0000-0000-0000-000000000000'::uuid) end
$$;

-- The sums of an account over its entries up to `p_through`, and where `p_effective` is given only
-- over those that had taken effect by then: blocks of earlier days, pieces of that day and pieces
-- behind the last block count whole, except those that the instant cuts, whose entries are read. So
-- are the entries behind the last snapshot.
create function balance_at(
  p_shard smallint, p_account uuid, p_through uuid, p_effective timestamptz
) returns table (debits_minor bigint, credits_minor bigint)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
declare
  nothing constant uuid := '00000000-0000-0000-0000-000000000000';
  today constant timestamptz := date_bin('1 day', p_effective, 'epoch');
  this_hour constant timestamptz := date_bin('1 hour', p_effective, 'epoch');
  snapped uuid;
  blocked uuid;
  debits numeric;
  credits numeric;
  more record;
begin
  select s.sequence, s.debits_posted_minor, s.credits_posted_minor into snapped, debits, credits
    from balance_snapshot s
    where s.shard = p_shard and s.account_id = p_account and s.sequence <= p_through
    order by s.sequence desc limit 1;
  snapped := coalesce(snapped, nothing);
  if p_effective is not null and snapped > nothing then
    select coalesce(max(sequence::text)::uuid, nothing) into blocked from (
      select b.sequence from balance_block b
      where b.shard = p_shard and b.account_id = p_account and b.sequence <= snapped
      order by b.sequence desc limit 1) x;
    select sum(b.debits_minor), sum(b.credits_minor) into debits, credits
      from balance_block b
      where b.shard = p_shard and b.account_id = p_account and b.sequence <= blocked
        and b.effective_day < today;
    -- Of the blocks' last day.
    select sum(p.debits_minor) as debits, sum(p.credits_minor) as credits into more
      from balance_piece p
      where p.shard = p_shard and p.account_id = p_account and p.sequence <= blocked
        and p.effective_hour >= today and p.effective_hour <= this_hour
        and p.latest <= p_effective;
    debits := coalesce(debits, 0) + coalesce(more.debits, 0);
    credits := coalesce(credits, 0) + coalesce(more.credits, 0);
    -- Behind the blocks.
    select sum(p.debits_minor) as debits, sum(p.credits_minor) as credits into more
      from balance_piece p
      where p.shard = p_shard and p.account_id = p_account and p.sequence > blocked
        and p.sequence <= snapped and p.latest <= p_effective;
    debits := debits + coalesce(more.debits, 0);
    credits := credits + coalesce(more.credits, 0);
    -- What the instant cuts.
    select sum(e.amount_minor) filter (where e.side = 1) as debits,
        sum(e.amount_minor) filter (where e.side = -1) as credits
      into more
      from balance_piece p
      cross join lateral (
        select f.side, f.amount_minor, coalesce(f.effective_at, (
            select t.effective_at from transaction t
            where t.shard = p_shard and t.sequence = f.sequence)) as at
        from entry f where f.shard = p_shard and f.account_id = p_account
          and f.sequence > p.after_sequence and f.sequence <= p.sequence
        offset 0
      ) e
      where p.shard = p_shard and p.account_id = p_account and p.sequence <= snapped
        and p.effective_hour = this_hour and p.earliest <= p_effective and p.latest > p_effective
        and e.at >= this_hour and e.at <= p_effective;
    debits := debits + coalesce(more.debits, 0);
    credits := credits + coalesce(more.credits, 0);
  end if;
  select sum(e.amount_minor) filter (where e.side = 1) as debits,
      sum(e.amount_minor) filter (where e.side = -1) as credits
    into more
    from entry e
    where e.shard = p_shard and e.account_id = p_account
      and e.sequence > snapped and e.sequence <= p_through
      and (p_effective is null or coalesce(e.effective_at, (
        select t.effective_at from transaction t
        where t.shard = p_shard and t.sequence = e.sequence)) <= p_effective);
  return query select (coalesce(debits, 0) + coalesce(more.debits, 0))::bigint,
    (coalesce(credits, 0) + coalesce(more.credits, 0))::bigint;
end $$;

-- Drift ------------------------------------------------------------------------------------------

create function within_bigint(value numeric) returns bigint language sql immutable as $$
  select least(greatest(coalesce(value, 0), -9223372036854775808), 9223372036854775807)::bigint
$$;

-- The next accounts behind `p_after`, each with what its balance keeps and what its last snapshot
-- and the entries since say. `kept_*` is null where the balance's row is missing.
create function drift_accounts(p_shard smallint, p_after uuid, p_limit integer) returns table (
  account_id uuid, merchant_id uuid, code text, currency char(3),
  kept_debits bigint, kept_credits bigint, entries_debits bigint, entries_credits bigint
) language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
begin
  return query
    select a.id, a.merchant_id, a.code, a.currency, b.debits_posted_minor, b.credits_posted_minor,
      within_bigint(coalesce(s.debits_posted_minor, 0) + x.debits),
      within_bigint(coalesce(s.credits_posted_minor, 0) + x.credits)
    from (
      select * from account t where t.shard = p_shard and t.id > p_after order by t.id limit p_limit
    ) a
    left join balance b on b.shard = p_shard and b.account_id = a.id
    left join lateral (
      select * from balance_snapshot n where n.shard = p_shard and n.account_id = a.id
      order by n.sequence desc limit 1
    ) s on true
    cross join lateral (
      select coalesce(sum(e.amount_minor) filter (where e.side = 1), 0) as debits,
        coalesce(sum(e.amount_minor) filter (where e.side = -1), 0) as credits
      from entry e where e.shard = p_shard and e.account_id = a.id
        and e.sequence > coalesce(s.sequence, '00000000-0000-0000-0000-000000000000'::uuid)
    ) x
    order by a.id;
end $$;

-- The next snapshots: what each adds to the one before it, and what the entries and the pieces
-- between the two say.
create function drift_snapshots(
  p_shard smallint, p_account uuid, p_sequence uuid, p_limit integer
) returns table (
  account_id uuid, sequence uuid, merchant_id uuid, code text, currency char(3),
  kept_debits bigint, kept_credits bigint, pieces_debits bigint, pieces_credits bigint,
  entries_debits bigint, entries_credits bigint,
  -- Where a block ends here: what it says, and what its snapshots do.
  block_debits bigint, block_credits bigint, span_debits bigint, span_credits bigint
) language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
begin
  return query
    select s.account_id, s.sequence, s.merchant_id, coalesce(a.code, ''), coalesce(a.currency, ''),
      within_bigint(s.debits_posted_minor::numeric - coalesce(q.debits_posted_minor, 0)),
      within_bigint(s.credits_posted_minor::numeric - coalesce(q.credits_posted_minor, 0)),
      within_bigint(c.debits), within_bigint(c.credits),
      within_bigint(x.debits), within_bigint(x.credits),
      case when k.debits is not null then within_bigint(k.debits) end,
      case when k.credits is not null then within_bigint(k.credits) end,
      within_bigint(s.debits_posted_minor::numeric - coalesce(r.debits_posted_minor, 0)),
      within_bigint(s.credits_posted_minor::numeric - coalesce(r.credits_posted_minor, 0))
    from (
      select * from balance_snapshot n
      where n.shard = p_shard and (n.account_id, n.sequence) > (p_account, p_sequence)
      order by n.account_id, n.sequence limit p_limit
    ) s
    left join account a on a.shard = p_shard and a.id = s.account_id
    left join lateral (
      select * from balance_snapshot n where n.shard = p_shard and n.account_id = s.account_id
        and n.sequence < s.sequence
      order by n.sequence desc limit 1
    ) q on true
    cross join lateral (
      select sum(p.debits_minor) as debits, sum(p.credits_minor) as credits from balance_piece p
      where p.shard = p_shard and p.account_id = s.account_id and p.sequence = s.sequence
    ) c
    cross join lateral (
      select sum(e.amount_minor) filter (where e.side = 1) as debits,
        sum(e.amount_minor) filter (where e.side = -1) as credits
      from entry e where e.shard = p_shard and e.account_id = s.account_id
        and e.sequence > coalesce(q.sequence, '00000000-0000-0000-0000-000000000000'::uuid)
        and e.sequence <= s.sequence
    ) x
    left join lateral (
      select sum(b.debits_minor) as debits, sum(b.credits_minor) as credits from balance_block b
      where b.shard = p_shard and b.account_id = s.account_id and b.sequence = s.sequence
      having count(*) > 0
    ) k on true
    -- Where the block before ended.
    left join lateral (
      select n.* from balance_block b
      cross join lateral (
        select * from balance_snapshot z where z.shard = p_shard
          and z.account_id = s.account_id and z.sequence = b.sequence
      ) n
      where k.debits is not null and b.shard = p_shard and b.account_id = s.account_id
        and b.sequence < s.sequence
      order by b.sequence desc limit 1
    ) r on true
    order by s.account_id, s.sequence;
end $$;

-- The one way to write the books -----------------------------------------------------------------

-- As `post_batch` (migration 0002 says what the arrays are, and why the statements look so), but it
-- gives the numbers: there is no array of sequences. `p_entry_*` come item by item. A leaf does not
-- cover the sequence; the batch's hash covers first and last one.
create function append_batch(
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
  batch_time := greatest(p_recorded_at, head.recorded_at);
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
      sha256(convert_to('tender.batch.v2', 'UTF8')
        || coalesce(head.hash, decode(repeat('00', 32), 'hex'))
        || int2send(p_shard) || int8send(batch_number) || int4send(done)
        || uuid_send(sequences[1]) || uuid_send(sequences[items])
        || int8send((extract(epoch from batch_time) * 1000000)::bigint)
        || int4send(coalesce(cardinality(places), 0))
        || coalesce((select string_agg(int4send(u.place), ''::bytea order by u.i)
            from unnest(places) with ordinality u(place, i)), ''::bytea)
        || leaves),
      2, leaves, places);

  insert into transaction (
      shard, sequence, id, merchant_id, batch, effective_at, records_fact, kind, subject,
      external_reference, actor, trace_id)
    select p_shard, u.sequence, u.id, u.merchant, batch_number, u.effective_at, u.fact, u.kind,
      u.subject, u.external_reference, u.actor, u.trace_id
    from unnest(sequences, p_id, p_merchant, p_effective_at, p_fact, p_kind, p_subject,
        p_external_reference, p_actor, p_trace_id) with ordinality
      u(sequence, id, merchant, effective_at, fact, kind, subject, external_reference, actor,
        trace_id, i)
    where created is null or created[u.i];

  insert into entry (
      shard, position, side, currency, amount_minor, sequence, account_id, merchant_id,
      submitted_code, effective_at)
    select p_shard, u.position, u.side, u.currency, u.amount, sequences[u.item],
      p_account[u.account], p_merchant[u.item], u.submitted, p_effective_at[u.item]
    from unnest(p_entry_item, p_entry_position, p_entry_side, p_entry_currency, p_entry_amount,
        p_entry_account, p_entry_submitted)
      u(item, position, side, currency, amount, account, submitted)
    where created is null or created[u.item];

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
        where created is null or created[u.item]
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
      returning b.account_id, b.version, b.entries, b.snapshot_entries
  )
  select count(*) filter (where version = -1),
      array_agg(account_id) filter (where entries = snapshot_entries)
    into done, snapped from changed;
  if done > 0 then
    raise exception 'an account of the batch is absent' using errcode = 'foreign_key_violation';
  end if;
  if snapped is not null then
    perform take_snapshots(p_shard, snapped, sequences[items]);
  end if;
end $$;

-- Called by append_batch alone, under its lock: the balances are the sums through `p_sequence`.
create function take_snapshots(p_shard smallint, p_account uuid[], p_sequence uuid) returns void
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off
as $$
begin
  insert into balance_piece (
      shard, account_id, sequence, after_sequence, effective_hour, merchant_id, earliest, latest,
      debits_minor, credits_minor)
    select p_shard, u.id, p_sequence, w.after, c.hour, b.merchant_id, c.earliest, c.latest,
      c.debits, c.credits
    from unnest(p_account) u(id)
    cross join lateral (
      select coalesce((
          select s.sequence from balance_snapshot s
          where s.shard = p_shard and s.account_id = u.id
          order by s.sequence desc limit 1),
        '00000000-0000-0000-0000-000000000000'::uuid) as after
    ) w
    cross join lateral (
      select merchant_id from balance where shard = p_shard and account_id = u.id
    ) b
    cross join lateral (
      select date_bin('1 hour', e.at, 'epoch') as hour, min(e.at) as earliest, max(e.at) as latest,
        coalesce(sum(e.amount_minor) filter (where e.side = 1), 0)::bigint as debits,
        coalesce(sum(e.amount_minor) filter (where e.side = -1), 0)::bigint as credits
      from (
        select f.side, f.amount_minor, coalesce(f.effective_at, (
            select t.effective_at from transaction t
            where t.shard = p_shard and t.sequence = f.sequence)) as at
        from entry f where f.shard = p_shard and f.account_id = u.id
          and f.sequence > w.after and f.sequence <= p_sequence
        offset 0
      ) e
      group by 1
    ) c;
  insert into balance_snapshot (
      shard, account_id, sequence, merchant_id, debits_posted_minor, credits_posted_minor)
    select p_shard, b.account_id, p_sequence, b.merchant_id, b.debits_posted_minor,
      b.credits_posted_minor
    from unnest(p_account) u(id)
    cross join lateral (
      select * from balance where shard = p_shard and account_id = u.id
    ) b;
  insert into balance_block (
      shard, account_id, sequence, effective_day, merchant_id, debits_minor, credits_minor)
    select p_shard, u.id, p_sequence, c.day, c.merchant_id, c.debits, c.credits
    from unnest(p_account) u(id)
    cross join lateral (
      select coalesce((
          select b.sequence from balance_block b
          where b.shard = p_shard and b.account_id = u.id
          order by b.sequence desc limit 1),
        '00000000-0000-0000-0000-000000000000'::uuid) as after
    ) w
    cross join lateral (
      select date_bin('1 day', p.effective_hour, 'epoch') as day,
        min(p.merchant_id::text)::uuid as merchant_id,
        sum(p.debits_minor)::bigint as debits, sum(p.credits_minor)::bigint as credits
      from balance_piece p
      where p.shard = p_shard and p.account_id = u.id and p.sequence > w.after
      group by 1
    ) c
    where 32 <= (
      select count(*) from balance_snapshot s
      where s.shard = p_shard and s.account_id = u.id and s.sequence > w.after);
end $$;

revoke all on function append_batch, take_snapshots, books_at, balance_at, refuse_disorder,
  within_bigint, drift_accounts, drift_snapshots from public;
grant execute on function append_batch, books_at, balance_at, within_bigint, drift_accounts,
  drift_snapshots to ledger_service;
grant select on balance_snapshot, balance_piece, balance_block to ledger_service;
grant select, insert on proof_run to ledger_service;
grant select, insert, update on worker_lease to ledger_service;
