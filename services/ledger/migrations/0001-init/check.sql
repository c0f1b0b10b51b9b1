-- The guards stand: both kinds of triggers on every table of the books.
select t.relname, count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_class t left join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace and t.relname
  in ('account', 'balance', 'movement', 'transaction', 'entry', 'batch', 'rejection')
group by t.relname;

-- The service writes no table of the books.
select t.relname,
  not has_table_privilege('ledger_service', t.oid, 'insert, update, delete, truncate')
  and has_table_privilege('ledger_service', t.oid, 'select')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace and t.relname
  in ('account', 'balance', 'movement', 'transaction', 'entry', 'batch', 'rejection');
select p.proname, has_function_privilege('ledger_service', p.oid, 'execute') and p.prosecdef
from pg_proc p
where p.pronamespace = 'ledger'::regnamespace and p.proname = 'make_partitions';

-- Entries are checked for balance, and there are partitions for what is posted today.
select tgname, true from pg_trigger
where tgrelid = 'ledger.entry'::regclass and tgname = 'balanced';
select inhparent::regclass, count(*) >= 2 from pg_inherits
where inhparent in ('ledger.entry'::regclass, 'ledger.transaction'::regclass) group by inhparent;
