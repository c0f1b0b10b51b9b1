-- Endpoints, events, deliveries. Runs as webhooks_owner with search_path = webhooks.

create table endpoint (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  url text not null check (octet_length(url) <= 1024),
  state text not null check (state in ('pending', 'enabled', 'disabled')),
  state_reason text not null,
  -- Types it wants; empty means all.
  event_types text[] not null,
  created_at timestamptz not null,
  verified_at timestamptz,
  -- When the next challenge is due; null when none is.
  challenge_due_at timestamptz,
  -- Challenges sent in this round.
  challenge_tries integer not null default 0,
  challenge_lease_until timestamptz,
  -- Raised by each claim and each change of state: a late answer changes nothing.
  fence bigint not null default 0,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
);
create unique index endpoint_id on endpoint (id);
create index endpoint_enabled on endpoint (merchant_id) where state = 'enabled';
create index endpoint_challenge on endpoint (challenge_due_at)
  where state = 'pending' and challenge_due_at is not null;

-- The endpoints' secrets, sealed (AES-256-GCM; merchant, endpoint, secret and key are
-- authenticated) with a key that lies outside the database and its backups.
create table endpoint_secret (
  merchant_id uuid not null,
  endpoint_id uuid not null,
  id uuid not null,
  key_id text not null,
  sealed bytea not null check (octet_length(sealed) between 52 and 92),
  created_at timestamptz not null,
  -- When it stops signing; null for the newest.
  expires_at timestamptz,
  actor text not null,
  trace_id bytea,
  primary key (endpoint_id, id)
);
create unique index endpoint_secret_newest on endpoint_secret (endpoint_id)
  where expires_at is null;

-- The end of each merchant's event stream. Its row is locked by the transaction that numbers
-- events, until that commits: numbers have no gaps, and a number is seen only after all below it.
create table stream (
  merchant_id uuid primary key,
  last_sequence bigint not null
) with (fillfactor = 50);

-- What happened. Written once, never changed.
create table event (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  sequence bigint not null check (sequence > 0),
  type text not null check (octet_length(type) <= 64),
  object_id text not null check (octet_length(object_id) <= 64),
  object_version bigint not null,
  created_at timestamptz not null,
  -- The exact bytes that are signed and sent.
  body bytea not null,
  received_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
) partition by range (id);
create index event_sequence on event (merchant_id, sequence);
create index event_object on event (merchant_id, object_id, sequence);

-- One event to one endpoint. Partitioned by the event's id, which keeps the pair unique.
create table delivery (
  merchant_id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  id uuid not null,
  state text not null check (state in ('pending', 'succeeded', 'undeliverable')),
  -- Attempts on record, over all rounds; and of the present round.
  attempts integer not null default 0,
  tries integer not null default 0,
  next_attempt_at timestamptz,
  lease_until timestamptz,
  -- Raised by each claim; an attempt with an old fence changes nothing.
  fence bigint not null default 0,
  actor text not null,
  trace_id bytea,
  primary key (endpoint_id, event_id),
  check ((state = 'pending') = (next_attempt_at is not null))
) partition by range (event_id);
create index delivery_due on delivery (endpoint_id, next_attempt_at) where state = 'pending';
create index delivery_event on delivery (merchant_id, event_id);
create index delivery_id on delivery (merchant_id, id);

create table delivery_attempt (
  merchant_id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  number integer not null check (number > 0),
  at timestamptz not null,
  -- 0 when there was no answer.
  http_status integer not null,
  duration_ms integer not null,
  error text not null check (octet_length(error) <= 200),
  primary key (endpoint_id, event_id, number)
) partition by range (event_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or removed', tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger immutable before update or delete on event
  for each row execute function refuse_change();

-- The smallest id of a moment.
create function id_floor(at timestamptz) returns uuid language sql immutable as $$
  select rpad(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions of this month and `ahead` more; answers how many were made. Called by the
-- service every day.
create function make_partitions(at timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = webhooks, pg_temp as $$
declare
  parent text;
  month timestamptz;
  name text;
  made integer := 0;
begin
  if ahead not between 0 and 24 then
    raise exception 'ahead is 0 to 24 months' using errcode = 'invalid_parameter_value';
  end if;
  foreach parent in array array['event', 'delivery', 'delivery_attempt'] loop
    for step in 0..ahead loop
      month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => step))
        at time zone 'UTC';
      name := parent || to_char(month at time zone 'UTC', '_YYYYMM');
      continue when to_regclass(format('webhooks.%I', name)) is not null;
      execute format(
        'create table %I partition of %I for values from (%L) to (%L)', name, parent,
        id_floor(month),
        id_floor((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'));
      if parent = 'delivery' then
        execute format(
          'alter table %I set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)', name);
      end if;
      made := made + 1;
    end loop;
  end loop;
  return made;
end $$;
create table event_default partition of event default;
create table delivery_default partition of delivery default;
create table delivery_attempt_default partition of delivery_attempt default;
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
grant select, insert, update, delete on idempotency_key to webhooks_service;

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
grant select, insert, update on alert to webhooks_service;

-- Rights -----------------------------------------------------------------------------------------

revoke all on function make_partitions(timestamptz, integer) from public;
grant usage on schema webhooks to webhooks_service;
grant select, insert on endpoint, endpoint_secret, stream, event, delivery, delivery_attempt
  to webhooks_service;
grant update (state, state_reason, verified_at, challenge_due_at, challenge_tries,
  challenge_lease_until, fence, actor, trace_id) on endpoint to webhooks_service;
grant update (expires_at, actor, trace_id), delete on endpoint_secret to webhooks_service;
grant update (last_sequence) on stream to webhooks_service;
grant update (state, attempts, tries, next_attempt_at, lease_until, fence, actor, trace_id)
  on delivery to webhooks_service;
grant execute on function make_partitions(timestamptz, integer) to webhooks_service;
