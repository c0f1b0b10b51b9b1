-- The service seals and never changes a seal; how far others have told everything it may keep.
select 'day_seal', has_table_privilege('ledger_service', 'ledger.day_seal', 'insert')
  and not has_table_privilege('ledger_service', 'ledger.day_seal', 'update, delete, truncate');
select 'watermark', has_table_privilege('ledger_service', 'ledger.watermark', 'update')
  and not has_table_privilege('ledger_service', 'ledger.watermark', 'delete, truncate');
select t.relname, count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_class t left join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace and t.relname in ('day_seal', 'watermark')
group by t.relname;
select 'what is sealed stays as it is', count(*) = 3 from pg_trigger
where (tgrelid, tgname) in (('ledger.day_seal'::regclass, 'in_order'),
  ('ledger.batch'::regclass, 'open_day'), ('ledger.transaction'::regclass, 'open_effect'));
