-- What is booked, settled and approved is never changed; what follows from it triggers write.
select t.relname, not has_table_privilege('ledger_service', t.oid, 'update, delete, truncate')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'recon_booking', 'recon_payout', 'recon_settlement', 'recon_write_off',
  'recon_write_off_approval', 'recon_open_fee');
select 'recon_open_fee', not has_table_privilege('ledger_service', 'ledger.recon_open_fee', 'insert');
select v.trigger_name || ' of ' || v.table_name, g.tgname is not null
from (values ('recon_booking', 'booked'), ('recon_booking', 'immutable'),
    ('recon_file', 'scheduled'), ('recon_write_off_approval', 'two_people'),
    ('recon_settlement', 'approved'), ('recon_settlement', 'immutable'),
    ('recon_write_off', 'immutable'), ('recon_write_off_approval', 'immutable'))
  v(table_name, trigger_name)
left join pg_trigger g
  on g.tgrelid = ('ledger.' || v.table_name)::regclass and g.tgname = v.trigger_name;
select 'each book with a report has its schedule', not exists (
  select from ledger.recon_file f where not exists (
    select from ledger.recon_schedule s where s.gateway = f.gateway and s.account = f.account
      and s.livemode = f.livemode));
