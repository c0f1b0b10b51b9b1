-- Routing rules as versions, what was done to them and by whom, breakers that replicas share, and
-- what people override.

-- What a route was decided from and why; null on rows from before.
alter table attempt
  add column routing_version integer,
  add column routing_rule text,
  add column routing_reason text,
  -- "gateway:account reason", one each
  add column routing_skips text[],
  add column routing_method text,
  add column routing_brand text,
  add column routing_country text,
  -- The gateways at which the payment method has a reference.
  add column routing_gateways text[];

create table routing_version (
  number integer primary key check (number > 0),
  document text not null,
  -- SHA-256 of the document
  digest bytea not null check (length(digest) = 32),
  -- 1 draft, 2 active, 3 retired
  state smallint not null default 1 check (state in (1, 2, 3)),
  reason text not null,
  proposed_by text not null,
  -- Who activated it last: never who proposed it.
  approved_by text check (approved_by <> proposed_by),
  activated_at timestamptz,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  check ((state = 1) = (approved_by is null))
);
create unique index routing_version_active on routing_version (state) where state = 2;

-- Only the state changes, with who activated it: draft, active, retired, and back to active.
create function guard_routing_version() returns trigger
language plpgsql as $$
begin
  if new.number <> old.number or new.document <> old.document or new.digest <> old.digest
    or new.reason <> old.reason or new.proposed_by <> old.proposed_by
    or new.created_at <> old.created_at or new.actor <> old.actor or new.trace_id <> old.trace_id
    or (old.state, new.state) not in ((1, 2), (2, 3), (3, 2))
  then
    raise exception 'a routing version changes only its state' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger routing_version_guard before update on routing_version
  for each row execute function guard_routing_version();

-- What a draft would have done to stored payments; activation asks for one of the same digest.
create table routing_backtest (
  id uuid primary key,
  number integer not null references routing_version (number),
  digest bytea not null,
  -- The version it was compared with; 0 for the order of the settings.
  against integer not null,
  window_days integer not null,
  operations bigint not null,
  result bytea not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);
create index routing_backtest_of on routing_backtest (number, against);

-- A person's word about an account, for test or for live payments, until it expires.
create table gateway_override (
  id uuid primary key,
  gateway text not null,
  account text not null,
  livemode boolean not null,
  -- 1 forced open: no new payments; 2 forced closed: whatever the breaker says
  action smallint not null check (action in (1, 2)),
  -- 1 proposed, 2 active, 3 ended
  state smallint not null check (state in (1, 2, 3)),
  reason text not null,
  expires_at timestamptz not null,
  proposed_by text not null,
  approved_by text,
  ended_by text,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  -- Live payments: two people.
  check (not livemode or state <> 2 or (approved_by is not null and approved_by <> proposed_by))
);
create unique index gateway_override_active on gateway_override (gateway, account, livemode)
  where state = 2;
create index gateway_override_open on gateway_override (expires_at) where state in (1, 2);

-- What people did to routing: rows are only added.
create table routing_change (
  id bigint generated always as identity primary key,
  -- proposed, backtested, activated, rolled_back, retired, override_proposed, override_activated,
  -- override_released, override_expired
  kind text not null,
  -- The version's number, or the override's account.
  subject text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);

-- Written when a breaker changes its state, never per payment; times by this clock.
create table breaker (
  gateway text not null,
  account text not null,
  -- authorize, modify or look
  operation text not null,
  -- 1 closed, 2 open, 3 half open
  state smallint not null check (state in (1, 2, 3)),
  opened_at timestamptz,
  -- Open: no call before; half open: until then the probes' answers are waited for.
  until timestamptz,
  openings integer not null default 0,
  probes_admitted integer not null default 0,
  probes_succeeded integer not null default 0,
  -- Each change raises it: an older one changes nothing.
  fence bigint not null,
  updated_at timestamptz not null default now(),
  actor text not null,
  primary key (gateway, account, operation)
);

grant select, insert on routing_version, routing_backtest, routing_change to gateway_service;
grant update (state, approved_by, activated_at) on routing_version to gateway_service;
grant select, insert on gateway_override to gateway_service;
grant update (state, approved_by, ended_by) on gateway_override to gateway_service;
grant select, insert, update on breaker to gateway_service;
