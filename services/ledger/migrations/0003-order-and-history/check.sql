-- The service's ways to write, with the owner's rights; nobody else has them.
select p.proname, has_function_privilege('ledger_service', p.oid, 'execute') and p.prosecdef
  and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p
where p.pronamespace = 'ledger'::regnamespace and p.proname = 'append_batch';
select 'take_snapshots', not has_function_privilege('ledger_service',
  'ledger.take_snapshots(smallint, uuid[], uuid)', 'execute');

-- What is derived from the books, and what checks saw, does not change.
select t.relname, count(*) = 2 and not has_table_privilege('ledger_service', t.oid,
  'update, delete, truncate')
from pg_class t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace
  and t.relname in ('balance_snapshot', 'balance_piece', 'balance_block', 'proof_run')
group by t.relname, t.oid;
select 'batches are ordered', count(*) = 1 from pg_trigger
where tgrelid = 'ledger.batch'::regclass and tgname = 'ordered';
