-- A run of a million lines writes less; and files are in the order of their imports, not in that of
-- their processes' clocks.

-- Given by the database behind the account's turn: of two files, the larger one was imported later.
alter table recon_file add column number bigint;
alter table recon_file disable trigger user;
update recon_file f set number = n.number
  from (select id, row_number() over (order by id) as number from recon_file) n
  where n.id = f.id;
alter table recon_file enable trigger user;
alter table recon_file alter column number set not null;
alter table recon_file alter column number add generated always as identity;
alter table recon_file add constraint recon_file_number_key unique (number);
select setval('recon_file_number_seq', max(number)) from recon_file having max(number) is not null;

-- What a transaction moved on a clearing account is found by the transaction's place in the books
-- (`movement`), which the primary key begins with.
drop index recon_item_transaction;

-- As in migration 0007, without that index.
create or replace function close_fees() returns trigger
language plpgsql security definer set search_path = ledger, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
-- By their keys, one for each row: the sets are large, and a booking is of a few.
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  fee constant text := 'fee';
begin
  delete from recon_open_fee f using inserted b
    where b.part = fee and f.gateway = b.gateway and f.account = b.account
      and f.livemode = b.livemode and f.file_id = b.file_id and f.line = b.line;
  with gone as (
    delete from recon_open_item o using inserted b
    join movement v on v.shard = 0 and v.id = b.transaction_id
    where b.part = fee and o.gateway = b.gateway and o.account = b.account
      and o.livemode = b.livemode and o.shard = v.shard and o.sequence = v.sequence
      and not exists (
        select from recon_match m where m.shard = o.shard and m.sequence = o.sequence
          and m.currency = o.currency and m.gateway = o.gateway and m.account = o.account)
    returning o.gateway, o.account, o.livemode, o.currency, o.amount_minor
  )
  insert into recon_total as t (gateway, account, livemode, currency, item_count, items_minor)
    select gateway, account, livemode, currency, count(*), sum(amount_minor)::bigint
    from gone group by gateway, account, livemode, currency
    on conflict (gateway, account, livemode, currency) do update set
      item_count = t.item_count + excluded.item_count,
      items_minor = t.items_minor + excluded.items_minor;
  return null;
end $$;
