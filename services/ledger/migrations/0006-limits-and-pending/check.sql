-- The service's ways to write, with the owner's rights; nobody else has them.
select p.proname, has_function_privilege('ledger_service', p.oid, 'execute') and p.prosecdef
  and not has_function_privilege('public', p.oid, 'execute')
from pg_proc p
where p.pronamespace = 'ledger'::regnamespace
  and p.proname in ('append_batch', 'write_batch', 'set_account_limit');
select p.proname, not has_function_privilege('ledger_service', p.oid, 'execute')
from pg_proc p where p.pronamespace = 'ledger'::regnamespace and p.proname = 'post_batch';
select 'write_pending', count(*) = 1 and not bool_or(
  has_function_privilege('ledger_service', oid, 'execute'))
from pg_proc where pronamespace = 'ledger'::regnamespace and proname = 'write_pending';

-- What is held, how it ended, what was taken back and which limits there were does not change.
select t.relname, count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_class t left join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace
  and t.relname in ('pending_entry', 'pending_resolution', 'reversal', 'account_limit')
group by t.relname;
select t.relname,
  not has_table_privilege('ledger_service', t.oid, 'insert, update, delete, truncate')
  and has_table_privilege('ledger_service', t.oid, 'select')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace
  and t.relname in ('pending_entry', 'pending_resolution', 'pending_open', 'reversal',
    'account_limit');
select 'held legs are checked for balance', count(*) = 1 from pg_trigger
where tgrelid = 'ledger.pending_entry'::regclass and tgname = 'balanced';
select 'held legs have partitions', count(*) >= 2 from pg_inherits
where inhparent = 'ledger.pending_entry'::regclass;
