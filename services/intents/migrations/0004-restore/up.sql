-- After the database was restored to a point in the past: no new work until operators open, and the
-- claims of keys that have paid since, known only by their HMAC.

-- Whether orders that move money are taken: the last row says it. Rows are only added.
create table restore_gate (
  sequence bigint generated always as identity primary key,
  is_closed boolean not null,
  -- The moment the database was restored to.
  point_at timestamptz,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);

-- The claim of an idempotency key whose row the restore has lost. It never expires.
create table restored_claim (
  -- HMAC of merchant and key, as gateways keep it.
  key_proof bytea primary key check (octet_length(key_proof) = 32),
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  -- The intent is here and answers; otherwise the key is refused.
  is_rebuilt boolean not null,
  gateway text not null,
  gateway_account text not null,
  gateway_reference text not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);

-- Operations that were rebuilt, not asked for.
alter table operation add column is_restored boolean not null default false;

-- In the schema itself: while the gate is closed nothing that moves money begins, and never does an
-- operation begin under a key that has paid before a restore.
create function guard_restore() returns trigger
language plpgsql as $$
begin
  if (select is_closed from restore_gate order by sequence desc limit 1) then
    raise exception 'a restore is in progress' using errcode = 'TN011';
  end if;
  return new;
end
$$;
create function guard_restored_claim() returns trigger
language plpgsql as $$
begin
  if exists (select 1 from restored_claim c where c.key_proof = new.key_proof) then
    raise exception 'this key has paid before a restore' using errcode = 'TN012';
  end if;
  return new;
end
$$;
-- By name: whoever has paid hears so, also while it is closed.
create trigger operation_claim before insert on operation
  for each row when (not new.is_restored) execute function guard_restored_claim();
create trigger operation_restore before insert on operation
  for each row when (not new.is_restored) execute function guard_restore();
create trigger capture_restore before insert on capture
  for each row when (new.state = 1) execute function guard_restore();
-- What a fact tells of a refund has no next check.
create trigger refund_restore before insert on refund
  for each row when (new.next_check_at is not null) execute function guard_restore();

grant select, insert on restore_gate, restored_claim to intents_service;
grant update (is_rebuilt) on restored_claim to intents_service;
