-- Seals of days. Runs as ledger_owner with search_path = ledger.
--
-- A day is one in UTC of the time at which batches were recorded. The release before neither seals nor
-- knows of seals: it goes on, and what the triggers below refuse it hears as an error, for the batch as a
-- whole: callers repeat it, until a newer replica answers.

-- One row per day, for ever. `document` is all that is sealed, as text (services/ledger/Core/Seals/);
-- `root` is its SHA-256.
create table day_seal (
  number bigint primary key check (number > 0),
  day date not null unique,
  previous_root bytea not null check (octet_length(previous_root) = 32),
  root bytea not null check (octet_length(root) = 32),
  document text not null check (octet_length(document) between 1 and 65536),
  sealed_at timestamptz not null default clock_timestamp(),
  actor text not null,
  trace_id bytea
);
create trigger immutable before update or delete on day_seal
  for each row execute function refuse_change();
create trigger untruncatable before truncate on day_seal execute function refuse_change();

-- The end of the last sealed day; null while none is. Each batch asks: in this language the plan is kept.
create function sealed_until() returns timestamptz language plpgsql stable as $$
begin
  return (select (max(day) + 1)::timestamp at time zone 'UTC' from day_seal);
end $$;

-- Whoever inserts it: a seal follows the one before, is of the next day, covers its text, and comes
-- when the day is over. It takes the shard's lock, so that no batch is decided on by older seals.
create function accept_seal() returns trigger language plpgsql as $$
declare
  last_number bigint;
  last_day date;
  last_root bytea;
begin
  -- "LEDG", as `write_batch` takes it.
  perform pg_advisory_xact_lock(1279607879, 0);
  select number, day, root into last_number, last_day, last_root
    from day_seal order by number desc limit 1;
  if last_day is null then
    select (recorded_at at time zone 'UTC')::date - 1 into last_day
      from batch where shard = 0 order by number limit 1;
  end if;
  if new.number <> coalesce(last_number, 0) + 1 or new.day is distinct from last_day + 1
      or new.previous_root <> coalesce(last_root, decode(repeat('00', 32), 'hex'))
      or new.root <> sha256(convert_to(new.document, 'UTF8'))
      or clock_timestamp() < (new.day + 1)::timestamp at time zone 'UTC' then
    raise exception 'a seal is of the next day that is over, and follows the one before'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger in_order before insert on day_seal for each row execute function accept_seal();

-- What a sealed day must not get ----------------------------------------------------------------

-- A batch is never recorded in it, not even when the server's clock is set back. The service then
-- records at the day's end; who does not know of seals comes again (lock_not_available).
create function refuse_sealed_day() returns trigger language plpgsql as $$
begin
  if new.recorded_at < sealed_until() then
    raise exception 'the clock stands in a day that is sealed' using errcode = '55P03';
  end if;
  return new;
end $$;
create trigger open_day before insert on batch for each row execute function refuse_sealed_day();

-- What somebody asks for does not take effect in it. What has happened does, and so does the end of a
-- hold by its time (phase 4). Under the shard's lock: as with limits, the service is told to decide
-- item by item (TL001), and then nothing of the kind is left.
create function refuse_sealed_effect() returns trigger language plpgsql as $$
declare
  sealed constant timestamptz := sealed_until();
begin
  if sealed is not null and exists (
    select from inserted i where not i.records_fact and i.phase is distinct from 4
      and i.effective_at < sealed
  ) then
    raise exception 'the day is sealed: decide item by item' using errcode = 'TL001';
  end if;
  return null;
end $$;
create trigger open_effect after insert on transaction referencing new table as inserted
  for each statement execute function refuse_sealed_effect();

-- How far services have told everything ---------------------------------------------------------

-- One row per service and day of its watermark. `first_reported_at`: since when it is known that it
-- has told all of the days before.
create table watermark (
  producer text not null,
  day date not null,
  first_reported_at timestamptz not null,
  through timestamptz not null,
  reported_at timestamptz not null,
  actor text not null,
  primary key (producer, day)
) with (fillfactor = 50);
create trigger undeletable before delete on watermark
  for each row execute function refuse_change();
create trigger untruncatable before truncate on watermark execute function refuse_change();

-- The last seal that a check of the chain saw.
alter table proof_run add column seal_number bigint;
alter table proof_run add column seal_root bytea;

revoke all on function sealed_until, accept_seal, refuse_sealed_day, refuse_sealed_effect
  from public;
grant execute on function sealed_until to ledger_service;
grant select, insert on day_seal to ledger_service;
grant select, insert, update on watermark to ledger_service;
