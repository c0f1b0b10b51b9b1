-- Seals of reconciled days. Runs as ledger_owner with search_path = ledger.
--
-- A person says up to which day books and reports of an account at a gateway agree, where the service
-- could prove it (services/ledger/Core/Reconciliation/ReconSealRule.swift). A seal stays; a report that comes
-- later has a higher number than the last one that the seal has seen.

create table recon_seal (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  number bigint not null check (number > 0),
  -- All days up to this one.
  day date not null,
  -- The books' seal of that day, or the first behind it.
  books_number bigint not null,
  -- The comparison that it rests on.
  run_id uuid not null,
  accepted_breaks bigint not null check (accepted_breaks >= 0),
  -- The last file that it has seen.
  last_file bigint not null,
  sealed_at timestamptz not null default clock_timestamp(),
  actor text not null,
  trace_id bytea not null,
  primary key (gateway, account, livemode, number)
);
create trigger immutable before update or delete on recon_seal
  for each row execute function refuse_recon_change();
create trigger untruncatable before truncate on recon_seal execute function refuse_recon_change();

-- Whoever inserts it: it follows the one before, the books' day is sealed, the comparison is the last one of
-- this book, its totals are right, and no break of those days is open. A break is of the day of its line, and
-- of the day of its item, if that was booked earlier.
create function accept_recon_seal() returns trigger language plpgsql as $$
begin
  if new.number <> 1 + coalesce((
        select max(number) from recon_seal where gateway = new.gateway and account = new.account
          and livemode = new.livemode), 0)
      or not exists (
        select from day_seal where number = new.books_number and day >= new.day)
      or not exists (
        select from recon_run r where r.id = new.run_id and r.gateway = new.gateway
          and r.account = new.account and r.livemode = new.livemode and not exists (
            select from jsonb_array_elements(r.totals) t
            where (t ->> 'deviation_minor')::bigint <> 0))
      or not exists (
        select from recon_schedule where gateway = new.gateway and account = new.account
          and livemode = new.livemode and run_id = new.run_id)
      or exists (
        select from recon_break b
        left join recon_open_item i on i.gateway = b.gateway and i.account = b.account
          and i.livemode = b.livemode and i.shard = b.shard and i.sequence = b.sequence
          and i.currency = b.item_currency
        where b.gateway = new.gateway and b.account = new.account and b.livemode = new.livemode
          and b.state not in ('resolved', 'accepted')
          and least(b.occurred_on, i.effective_on) <= new.day)
  then
    raise exception 'a seal of reconciled days has no open break, and a sealed day of the books'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger proved before insert on recon_seal
  for each row execute function accept_recon_seal();

revoke all on function accept_recon_seal from public;
grant select, insert on recon_seal to ledger_service;
