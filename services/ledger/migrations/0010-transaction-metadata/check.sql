-- Both ways to write run with the owner's rights, and nobody else has them.
select p.proname || ' of ' || p.pronargs, has_function_privilege('ledger_service', p.oid, 'execute')
  and p.prosecdef and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p where p.pronamespace = 'ledger'::regnamespace and p.proname = 'write_batch';
select 'two of write_batch', count(*) = 2 from pg_proc
where pronamespace = 'ledger'::regnamespace and proname = 'write_batch';

-- Keys and values are as many; both columns are in every partition.
select 'metadata is checked', count(*) = 1 from pg_constraint
where conrelid = 'ledger.transaction'::regclass and conname = 'transaction_metadata';
select c.relname, count(*) = 2 from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname in ('metadata_keys', 'metadata_values')
where c.oid = 'ledger.transaction'::regclass
  or c.oid in (select inhrelid from pg_inherits where inhparent = 'ledger.transaction'::regclass)
group by c.relname;
