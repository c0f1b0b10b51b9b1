-- What follows from facts is written by their triggers alone.
select t.relname, not has_table_privilege('ledger_service', t.oid, 'insert, update, delete, truncate')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'recon_open_line', 'recon_open_item', 'recon_total', 'recon_batch');
select v.trigger_name || ' of ' || v.table_name, g.tgname is not null
from (values ('recon_line', 'opened'), ('recon_item', 'opened'), ('recon_match', 'closed'),
    ('recon_match', 'own_books')) v(table_name, trigger_name)
left join pg_trigger g
  on g.tgrelid = ('ledger.' || v.table_name)::regclass and g.tgname = v.trigger_name;
-- Open is what has not matched.
select 'open lines', (select count(*) from ledger.recon_open_line)
  + (select count(*) from ledger.recon_match where class = 'matched')
  = (select count(*) from ledger.recon_line);
select 'open items', (select count(*) from ledger.recon_open_item)
  + (select count(*) from ledger.recon_match where class = 'matched')
  = (select count(*) from ledger.recon_item);
select 'no line meets the other books', not exists (
  select from ledger.recon_match m join ledger.recon_item i on i.shard = m.shard
    and i.sequence = m.sequence and i.currency = m.currency and i.gateway = m.gateway
    and i.account = m.account
  where i.livemode <> m.livemode);
