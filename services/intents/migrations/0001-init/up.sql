-- Merchants, customers, payment intents and what happened to them.

create table merchant (
  id uuid primary key,
  name text not null,
  livemode boolean not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);

create table customer (
  merchant_id uuid not null,
  id uuid not null,
  reference text not null,
  email text not null,
  name text not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, id)
);
create unique index customer_reference on customer (merchant_id, reference) where reference <> '';

-- Ids are 48 bits of milliseconds, then 80 random bits: the first id of an instant.
create function id_bound(at timestamptz) returns uuid
language sql immutable parallel safe as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

create table payment_intent (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor > 0),
  capture_method smallint not null check (capture_method in (1, 2)),
  status smallint not null check (status between 1 and 7),
  processing_reason smallint check (processing_reason between 1 and 4),
  authorized boolean not null default false,
  failure_kind smallint check (failure_kind in (1, 2)),
  failure_code text,
  failure_decline_class smallint,
  failure_gateway_code text,
  payment_method_id uuid,
  customer_id uuid,
  description text not null,
  statement_descriptor text not null,
  metadata_keys text[] not null,
  metadata_values text[] not null,
  origin_type text,
  origin_id text,
  gateway text not null default '',
  gateway_account text not null default '',
  gateway_reference text not null default '',
  authorized_minor bigint not null default 0,
  current_operation_id uuid,
  next_check_at timestamptz,
  version bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, id),
  -- A processing intent says why; a failed one says what failed.
  check ((status = 3) = (processing_reason is not null)),
  check (status <> 6 or (failure_kind is not null and failure_code is not null))
) partition by range (id);
create table payment_intent_default partition of payment_intent default with (fillfactor = 80);
create index payment_intent_stuck on payment_intent (updated_at) where status = 3;

-- The history of an intent, one row a version.
create table payment_intent_change (
  merchant_id uuid not null,
  intent_id uuid not null,
  version bigint not null,
  status smallint not null,
  cause text not null,
  actor text not null,
  trace_id bytea not null,
  at timestamptz not null default now(),
  primary key (intent_id, version)
) partition by range (intent_id);
create table payment_intent_change_default partition of payment_intent_change default;

-- One try to move an intent's money. At most one is open.
create table operation (
  merchant_id uuid not null,
  intent_id uuid not null,
  id uuid not null,
  try integer not null,
  payment_method_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  off_session boolean not null,
  send_before timestamptz not null,
  -- HMAC of the client's key: the client's key itself never leaves this schema.
  key_proof bytea not null,
  is_open boolean not null default true,
  -- The last fact applied; facts are numbered 1, 2, 3 …
  applied_sequence integer not null default 0,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id)
);
create unique index operation_open on operation (intent_id) where is_open;

-- What was asked to be captured and what was captured: amounts are sums of these rows.
create table capture (
  merchant_id uuid not null,
  intent_id uuid not null,
  id uuid not null,
  operation_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- 1 asked, 2 captured, 3 failed
  state smallint not null check (state in (1, 2, 3)),
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id)
);

-- An origin is used once per merchant, for ever: keys expire, invoices do not.
create table origin (
  merchant_id uuid not null,
  type text not null,
  id text not null,
  intent_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (merchant_id, type, id)
);

-- Makes the partitions of this month and `ahead` more; answers how many were made. Called by the
-- service every day.
create function make_partitions(at timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = intents, pg_temp as $$
declare
  month timestamptz;
  parent text;
  name text;
  made integer := 0;
begin
  if ahead not between 0 and 24 then
    raise exception 'ahead is 0 to 24 months' using errcode = 'invalid_parameter_value';
  end if;
  for step in 0..ahead loop
    month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => step))
      at time zone 'UTC';
    foreach parent in array array['payment_intent', 'payment_intent_change'] loop
      name := parent || to_char(month at time zone 'UTC', '_YYYYMM');
      continue when to_regclass(format('intents.%I', name)) is not null;
      execute format(
        'create table %I partition of %I for values from (%L) to (%L)%s', name, parent,
        id_bound(month),
        id_bound((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'),
        case parent when 'payment_intent' then ' with (fillfactor = 80)' else '' end);
      made := made + 1;
    end loop;
  end loop;
  return made;
end
$$;
do $$ begin perform make_partitions(now(), 3); end $$;
revoke all on function make_partitions(timestamptz, integer) from public;

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

-- Unsent messages: a row that exists is unsent. `sequence` orders the rows of one key; `id` is what
-- the receiver deduplicates by.
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

grant usage on schema intents to intents_service;
grant execute on function make_partitions(timestamptz, integer) to intents_service;
grant select, insert on merchant, customer, origin, payment_intent_change to intents_service;
grant select, insert, update on payment_intent, operation, capture to intents_service;
grant select, insert, update, delete on idempotency_key, outbox to intents_service;
grant select, insert, update on alert to intents_service;
