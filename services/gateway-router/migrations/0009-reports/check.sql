select 'reports are there', to_regclass('gateway.report') is not null;
select 'a fetched report is final', exists (
  select 1 from pg_trigger
  where tgname = 'report_final' and tgrelid = 'gateway.report'::regclass);
select 'a report is never deleted',
  not has_table_privilege('gateway_service', 'gateway.report', 'delete');
