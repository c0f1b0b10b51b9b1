-- Payment methods made ready for payments without their payer: one request to one gateway each.
create table setup_intent (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  payment_method_id uuid not null,
  currency char(3) not null,
  -- The gateway that was asked for; null: whichever holds the method.
  wanted_gateway text check (wanted_gateway in ('stripe', 'adyen')),
  -- The one it goes to, for ever; null while none was chosen, so that nothing was sent.
  gateway text check (gateway in ('stripe', 'adyen')),
  account text,
  -- When the one request may have been sent first: its key's window counts from there.
  sent_at timestamptz,
  -- When it may have been sent again first: from then on the fate of one sending proves nothing.
  repeated_at timestamptz,
  -- 1 processing, 2 succeeded, 3 failed, 4 canceled
  state smallint not null check (state between 1 and 4),
  -- The gateway's id of it.
  reference text,
  failure_code text,
  failure_gateway_code text,
  -- What was seen last, in words.
  detail text not null default '',
  tries integer not null default 0,
  next_try_at timestamptz,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, id),
  check ((state in (3, 4)) = (failure_code is not null)),
  check ((state = 1) = (next_try_at is not null)),
  check ((gateway is null) = (account is null) and (gateway is null) = (sent_at is null)),
  check (state <> 2 or (gateway is not null and reference is not null)),
  -- Nothing is called unsent that has a gateway.
  check (gateway is null or failure_code is null or failure_code not in (
    'payment_method_not_found', 'payment_method_not_supported', 'no_gateway_available',
    'network_retry_limit')),
  check (repeated_at is null or gateway is not null)
) with (fillfactor = 70);
-- Notifications name it by our reference, which holds the id. Unique only with its merchant, so
-- that the table can be distributed.
create index setup_intent_by_id on setup_intent (id);
create index setup_intent_due on setup_intent (next_try_at) where next_try_at is not null;

-- What is decided stays decided, and the gateway that was asked is the only one ever asked.
create function guard_setup_intent() returns trigger
language plpgsql as $$
begin
  if old.state <> 1 then
    raise exception 'a decided setup intent is final' using errcode = 'restrict_violation';
  end if;
  if old.gateway is not null
    and (new.gateway, new.account, new.sent_at)
      is distinct from (old.gateway, old.account, old.sent_at) then
    raise exception 'the gateway of a setup intent is final' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger setup_intent_guard before update on setup_intent
  for each row execute function guard_setup_intent();

grant select, insert on setup_intent to gateway_service;
grant update (gateway, account, sent_at, repeated_at, state, reference, failure_code,
  failure_gateway_code, detail, tries, next_try_at, version, updated_at, actor, trace_id) on setup_intent
  to gateway_service;
