-- After the database was restored to a point in the past: what the gateways' books hold and this
-- database does not, and how people let money move again.

create table restore (
  id uuid primary key,
  -- The moment the database was restored to.
  point_at timestamptz not null,
  -- 1 closed: no order that moves money; 2 open
  state smallint not null default 1 check (state in (1, 2)),
  reason text not null,
  begun_by text not null,
  begun_at timestamptz not null default now(),
  -- The gateways' books are read from then on: what was under way when it was closed is over.
  read_after timestamptz not null default now() + interval '15 seconds',
  -- Who asked to open, and what was unproven then.
  open_asked_by text,
  open_asked_unproven text[],
  opened_by text,
  opened_at timestamptz,
  -- What was unproven when it was opened.
  unproven text[],
  actor text not null,
  trace_id bytea not null,
  check ((open_asked_by is null) = (open_asked_unproven is null)),
  check ((state = 2) = (opened_by is not null and opened_at is not null and unproven is not null)),
  -- With anything unproven: two people who have seen the same.
  check (state <> 2 or cardinality(unproven) = 0
    or (open_asked_by is not null and open_asked_by <> opened_by
      and open_asked_unproven = unproven))
);
create unique index restore_closed on restore (state) where state = 1;

-- What was said at the beginning stays; what is open is never closed again: a new restore is.
create function guard_restore() returns trigger
language plpgsql as $$
begin
  if old.state = 2 or new.id <> old.id or new.point_at <> old.point_at or new.reason <> old.reason
    or new.begun_by <> old.begun_by or new.begun_at <> old.begun_at then
    raise exception 'a restore is final' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger restore_guard before update on restore for each row execute function guard_restore();

-- What people did about restores: rows are only added.
create table restore_change (
  id bigint generated always as identity primary key,
  restore_id uuid not null references restore (id),
  -- begun, open_asked, opened
  kind text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null
);

-- How far an account's lists were read: newest first, down to `listed_from`.
create table restore_reading (
  restore_id uuid not null references restore (id),
  gateway text not null,
  account text not null,
  subject text not null check (subject in ('payments', 'refunds')),
  listed_from timestamptz not null,
  -- The last one stored: the next page begins behind it.
  read_after text,
  finished_at timestamptz,
  items_read bigint not null default 0,
  items_foreign bigint not null default 0,
  -- Each takeover raises it; an old one changes nothing.
  fence bigint not null default 0,
  lease_until timestamptz not null default now(),
  next_read_at timestamptz not null default now(),
  last_error text not null default '',
  primary key (restore_id, gateway, account, subject)
);

-- Payments and refunds that bear a reference of ours and that this database did not know. Refunds are
-- for people.
create table restore_payment (
  restore_id uuid not null references restore (id),
  gateway text not null,
  account text not null,
  -- The gateway's id.
  reference text not null,
  own_reference text not null,
  made_at timestamptz not null,
  -- 1 found, 2 rebuilt, 3 for people
  state smallint not null check (state in (1, 2, 3)),
  detail text not null default '',
  -- What its metadata say, as far as they do.
  merchant_id uuid,
  intent_id uuid,
  operation_id uuid,
  attempt_id uuid,
  payment_method_id uuid,
  key_proof bytea check (octet_length(key_proof) = 32),
  capture_method smallint,
  off_session boolean,
  -- 1 authorise only, 2 charge
  mode smallint,
  attempt_sequence smallint,
  method text,
  currency char(3),
  amount_minor bigint,
  tries integer not null default 0,
  next_try_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  actor text not null,
  primary key (restore_id, gateway, account, reference),
  -- Only what is whole can be rebuilt.
  check (state = 3 or (merchant_id is not null and intent_id is not null
    and operation_id is not null and attempt_id is not null and payment_method_id is not null
    and key_proof is not null and capture_method is not null and off_session is not null
    and mode is not null and attempt_sequence is not null and method is not null
    and currency is not null
    and amount_minor is not null))
);
create index restore_payment_due on restore_payment (next_try_at) where state = 1;

-- Reports of a gateway without a list that were read while it was closed, by the day they are about.
create table restore_report (
  restore_id uuid not null references restore (id),
  gateway text not null,
  account text not null,
  day date not null,
  name text not null,
  read_at timestamptz not null default now(),
  actor text not null,
  primary key (restore_id, gateway, account, day)
);

grant select, insert on restore, restore_change, restore_report to gateway_service;
grant update (state, open_asked_by, open_asked_unproven, opened_by, opened_at, unproven)
  on restore to gateway_service;
grant select, insert, update on restore_reading, restore_payment to gateway_service;
