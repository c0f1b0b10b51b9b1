-- Refunds at winners: one request per id for ever, driven by lease until the gateway has told.
create table refund (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  id uuid not null,
  attempt_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- 1 sending, 2 accepted, 3 succeeded, 4 failed, 5 unknown, 6 queued (proven not executed)
  state smallint not null check (state between 1 and 6),
  -- It was reported done once; a later failure means that the money came back.
  has_succeeded boolean not null default false,
  is_conflicted boolean not null default false,
  -- The gateway's id of the refund.
  reference text,
  failure_code text,
  failure_gateway_code text,
  detail text not null default '',
  tries integer not null default 0,
  next_try_at timestamptz,
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id),
  check ((state = 4) = (failure_code is not null))
);
create index refund_due on refund (next_try_at) where next_try_at is not null;

grant select, insert, update on refund to gateway_service;
