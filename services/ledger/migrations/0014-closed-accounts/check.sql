-- The service closes accounts by the function alone, with the owner's rights; nobody else has it.
select p.proname, has_function_privilege('ledger_service', p.oid, 'execute') and p.prosecdef
  and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p where p.pronamespace = 'ledger'::regnamespace and p.proname = 'set_account_closed';
-- Replaced, not doubled; rights as before.
select p.proname || ' of ' || p.pronargs, has_function_privilege('ledger_service', p.oid, 'execute')
  and p.prosecdef and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p where p.pronamespace = 'ledger'::regnamespace and p.proname = 'write_batch';
select 'two of write_batch', count(*) = 2 from pg_proc
where pronamespace = 'ledger'::regnamespace and proname = 'write_batch';

-- Closings do not change, and each account is what its newest one says.
select 'account_closing', count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_trigger g where g.tgrelid = 'ledger.account_closing'::regclass and not g.tgisinternal;
select 'account_closing', has_table_privilege('ledger_service', 'ledger.account_closing', 'select')
  and not has_table_privilege('ledger_service', 'ledger.account_closing',
    'insert, update, delete, truncate');
select 'balances are closed as was said', coalesce(bool_and(b.closed = coalesce((
  select c.closed from ledger.account_closing c
  where c.shard = b.shard and c.account_id = b.account_id order by c.version desc limit 1), false)), true)
from ledger.balance b;
