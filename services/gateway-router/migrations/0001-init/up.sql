-- Operations, attempts, winners, captures, reversals and facts. Everything of one intent shares
-- its distribution key.

create table operation (
  merchant_id uuid not null,
  intent_id uuid not null,
  id uuid not null,
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- 1 automatic, 2 manual
  capture_method smallint not null check (capture_method in (1, 2)),
  payment_method_id uuid not null,
  off_session boolean not null,
  statement_descriptor text not null,
  send_before timestamptz not null,
  key_proof bytea not null,
  -- 1 open, 2 won, 3 closed
  state smallint not null check (state in (1, 2, 3)),
  close_reason smallint,
  is_releasing boolean not null default false,
  fact_count integer not null default 0,
  is_final boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id),
  check ((state = 3) = (close_reason is not null))
);

create table attempt (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  id uuid not null,
  sequence integer not null,
  gateway text not null,
  account text not null,
  -- 1 authorise only, 2 charge
  mode smallint not null check (mode in (1, 2)),
  -- 1 open, 2 winner, 3 condemned; the last two are never undone
  disposition smallint not null check (disposition in (1, 2, 3)),
  evidence text not null,
  evidence_detail text not null default '',
  decline_class smallint,
  decline_code text,
  decline_gateway_code text,
  decline_is_alive boolean,
  is_conflicted boolean not null default false,
  reference text,
  route_reason text not null,
  look_at timestamptz,
  looks integer not null default 0,
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  gateway_milliseconds integer,
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id),
  unique (intent_id, operation_id, sequence)
);
-- One winner per operation, in the schema itself.
create unique index attempt_winner on attempt (intent_id, operation_id) where disposition = 2;
create index attempt_look on attempt (look_at) where look_at is not null;
-- Inbound notifications name the payment by our reference, which holds the attempt's id, or by the
-- gateway's.
create index attempt_by_id on attempt (id);
create index attempt_reference on attempt (gateway, reference) where reference is not null;

create table capture (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- 1 queued, 2 sent, 3 captured, 4 failed, 5 unknown
  state smallint not null check (state between 1 and 5),
  tries integer not null default 1,
  next_try_at timestamptz,
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id)
);
create index capture_due on capture (next_try_at) where next_try_at is not null;

-- Condemned attempts, and winners to be released: given back by a job that does not give up.
create table reversal (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  attempt_id uuid not null,
  tries integer not null default 0,
  condemned_at timestamptz not null default now(),
  next_try_at timestamptz,
  finished_at timestamptz,
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, attempt_id)
);
create index reversal_due on reversal (next_try_at) where next_try_at is not null;

-- What is known, numbered per operation; the outbox repeats each until intents has applied it.
create table fact (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  sequence integer not null,
  kind smallint not null,
  payload bytea not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, operation_id, sequence)
);

-- Inbound notifications: stored as received, acknowledged, processed once.
create table notification (
  gateway text not null,
  -- The gateway's own identity of the notification.
  id text not null,
  merchant_id uuid,
  body bytea not null,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  tries integer not null default 0,
  next_try_at timestamptz not null default now(),
  last_error text not null default '',
  primary key (gateway, id)
);
create index notification_due on notification (next_try_at) where processed_at is null;
create index notification_processed on notification (processed_at) where processed_at is not null;

-- Winner and condemned are never undone, and a winner never becomes condemned.
create function guard_disposition() returns trigger
language plpgsql as $$
begin
  if old.disposition <> 1 and new.disposition <> old.disposition then
    raise exception 'the disposition of an attempt is final' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger attempt_disposition before update on attempt
  for each row execute function guard_disposition();

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

grant usage on schema gateway to gateway_service;
grant select, insert, update on operation, attempt, capture, reversal to gateway_service;
grant select, insert, update, delete on notification to gateway_service;
grant select, insert on fact to gateway_service;
grant select, insert, update, delete on idempotency_key, outbox to gateway_service;
grant select, insert, update on alert to gateway_service;
