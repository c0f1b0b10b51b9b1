-- Both kinds of triggers stand on the seals, and a row is inserted once.
select 'recon_seal', count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 2
from pg_trigger g where g.tgrelid = 'ledger.recon_seal'::regclass and not g.tgisinternal;
select 'recon_seal', has_table_privilege('ledger_service', 'ledger.recon_seal', 'select')
  and has_table_privilege('ledger_service', 'ledger.recon_seal', 'insert')
  and not has_table_privilege('ledger_service', 'ledger.recon_seal', 'update, delete, truncate');
