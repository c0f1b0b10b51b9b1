-- The service's only way to write, with the owner's rights; nobody else has it.
select p.proname, has_function_privilege('ledger_service', p.oid, 'execute') and p.prosecdef
  and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p
where p.pronamespace = 'ledger'::regnamespace and p.proname = 'post_batch';
