-- Catching up with a gateway's list of events after downtime or silence, by one replica at a time;
-- and captured money that a payer's bank took back.
create table event_cursor (
  gateway text not null,
  account text not null,
  -- Everything that the gateway dates before this is stored, or was told while somebody listened.
  listed_until timestamptz not null,
  -- A walk under way, newest first: the last event it has stored, and what `listed_until` becomes.
  walk_after text,
  walk_until timestamptz,
  -- Whoever holds the lease has the highest fence; what an older one writes changes nothing.
  fence bigint not null default 0,
  lease_until timestamptz not null default '-infinity',
  next_walk_at timestamptz not null default now(),
  walked_at timestamptz,
  failing_since timestamptz,
  last_error text not null default '',
  primary key (gateway, account),
  check ((walk_after is null) = (walk_until is null))
);
grant select, insert, update on event_cursor to gateway_service;

-- Found in the gateway's list, not told by it.
alter table notification add column is_listed boolean not null default false;
create index notification_received on notification (gateway, received_at);

create table bank_return (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  attempt_id uuid not null,
  -- The gateway's id of the movement: one return for ever, however often it is told.
  movement text not null,
  amount_minor bigint not null check (amount_minor > 0),
  reason text not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, attempt_id, movement)
);
grant select, insert on bank_return to gateway_service;
