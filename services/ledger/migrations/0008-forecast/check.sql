-- Both kinds of triggers stand on every table of the forecast, and its rows are inserted once.
select t.relname, count(*) filter (where g.tgtype & 32 <> 0) >= 1
  and count(*) filter (where g.tgtype & 32 = 0) >= 1
from pg_class t left join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'forecast_flow', 'forecast', 'forecast_day', 'forecast_score')
group by t.relname;
select t.relname, has_table_privilege('ledger_service', t.oid, 'select')
  and has_table_privilege('ledger_service', t.oid, 'insert')
  and not has_table_privilege('ledger_service', t.oid, 'update, delete, truncate')
from pg_class t
where t.relnamespace = 'ledger'::regnamespace and t.relname in (
  'forecast_flow', 'forecast', 'forecast_day', 'forecast_score');
