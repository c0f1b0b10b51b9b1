-- Refunds: amounts are sums of these rows under the intent's lock, never a counter.
create table refund (
  merchant_id uuid not null,
  intent_id uuid not null,
  id uuid not null,
  -- The operation whose winner captured the money.
  operation_id uuid not null,
  currency char(3) not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- 0 none given, 1 requested by customer, 2 duplicate, 3 fraudulent
  reason smallint not null check (reason between 0 and 3),
  -- 1 pending, 2 succeeded, 3 failed
  status smallint not null check (status between 1 and 3),
  -- 1 outcome unknown, 2 pending at the gateway
  pending_reason smallint check (pending_reason in (1, 2)),
  failure_code text,
  failure_gateway_code text,
  gateway text not null default '',
  gateway_account text not null default '',
  gateway_reference text not null default '',
  metadata_keys text[] not null,
  metadata_values text[] not null,
  next_check_at timestamptz,
  version bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id),
  -- A pending refund says what is missing; a failed one says what failed.
  check ((status = 1) = (pending_reason is not null)),
  check ((status = 3) = (failure_code is not null))
);
create index refund_of_merchant on refund (merchant_id, id);
create index refund_unknown on refund (next_check_at) where status = 1 and pending_reason = 1;

grant select, insert, update on refund to intents_service;
