-- Until when the gateway keeps an authorisation, by its published rule.
alter table payment_intent add column capture_before timestamptz;
create index payment_intent_held on payment_intent (capture_before) where status = 4;

-- What payers' banks have taken back: one row per movement of the gateway. Amounts are sums of these
-- rows under the intent's lock, never a counter.
create table payment_return (
  merchant_id uuid not null,
  intent_id uuid not null,
  -- The gateway's id of the movement: told twice, it is one return.
  movement_id text not null,
  operation_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  -- The bank's reason, for people; for example MD06.
  reason_code text not null,
  occurred_at timestamptz not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, movement_id)
);

grant select, insert on payment_return to intents_service;
