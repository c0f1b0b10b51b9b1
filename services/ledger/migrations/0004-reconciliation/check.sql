-- Both kinds of triggers stand on every table of reconciliation.
select t.relname, count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_class t left join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'recon_file', 'recon_line', 'recon_item', 'recon_match', 'recon_run', 'recon_break',
  'recon_break_change')
group by t.relname;
-- Facts are inserted once; the audit of breaks is its trigger's alone.
select t.relname, not has_table_privilege('ledger_service', t.oid, 'update, delete, truncate')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'recon_file', 'recon_line', 'recon_item', 'recon_run', 'recon_break_change');
select 'the audit is not written by the service',
  not has_table_privilege('ledger_service', 'ledger.recon_break_change', 'insert');
select 'matches are not edited',
  not has_table_privilege('ledger_service', 'ledger.recon_match', 'update, truncate');
select 'breaks are not removed',
  not has_table_privilege('ledger_service', 'ledger.recon_break', 'delete, truncate');
