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
