-- Closed accounts. Runs as ledger_owner with search_path = ledger. `balance.closed`, and what `write_batch`
-- makes of it, are of migration 0010.
--
-- A replica of the release before does not know of them: what it books item by item is not refused. So
-- nobody closes an account before all replicas are of this release.

-- Whoever posts holds the shard's lock before any other: with it first, none waits for the other in a
-- circle.
do $$ begin perform pg_advisory_xact_lock(1279607879, 0); end $$;

-- Each closing and reopening; the newest version counts.
create table account_closing (
  shard smallint not null,
  account_id uuid not null,
  version bigint not null check (version > 0),
  merchant_id uuid not null,
  closed boolean not null,
  -- The account's legs until then: what comes while it is closed is told to people.
  entries bigint not null check (entries >= 0),
  recorded_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (shard, account_id, version)
);
create trigger immutable before update or delete on account_closing
  for each row execute function refuse_change();
create trigger untruncatable before truncate on account_closing execute function refuse_change();

-- Closes an account or opens it again, under the shard's lock; makes it if it is new. Answers false, and
-- changes nothing, if it is to be closed while something is held on it.
create function set_account_closed(
  p_shard smallint, p_account uuid, p_merchant uuid, p_livemode boolean, p_code text,
  p_currency text, p_kind text, p_side smallint, p_closed boolean,
  p_actor text, p_trace_id bytea
) returns boolean
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
  perform pg_advisory_xact_lock(1279607879, p_shard);
  if p_closed and exists (
      select from balance where shard = p_shard and account_id = p_account
        and (debits_pending_minor > 0 or credits_pending_minor > 0)) then
    return false;
  end if;
  insert into account (
      shard, id, merchant_id, livemode, code, currency, kind, normal_side, created_at, actor,
      trace_id)
    values (p_shard, p_account, p_merchant, p_livemode, p_code, p_currency, p_kind, p_side,
      clock_timestamp(), p_actor, p_trace_id)
    on conflict (shard, id) do nothing;
  insert into balance (shard, account_id, merchant_id) values (p_shard, p_account, p_merchant)
    on conflict do nothing;
  update balance set closed = p_closed where shard = p_shard and account_id = p_account;
  insert into account_closing (
      shard, account_id, version, merchant_id, closed, entries, recorded_at, actor, trace_id)
    select p_shard, p_account,
      1 + coalesce((
        select max(version) from account_closing
        where shard = p_shard and account_id = p_account), 0),
      p_merchant, p_closed, entries, clock_timestamp(), p_actor, p_trace_id
    from balance where shard = p_shard and account_id = p_account;
  return true;
end $$;

revoke all on function set_account_closed from public;
grant execute on function set_account_closed to ledger_service;
grant select on account_closing to ledger_service;
