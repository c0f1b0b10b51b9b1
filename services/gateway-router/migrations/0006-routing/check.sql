select 'routing versions change only their state', exists (
  select 1 from pg_trigger
  where tgname = 'routing_version_guard' and tgrelid = 'gateway.routing_version'::regclass)
  and not has_column_privilege('gateway_service', 'gateway.routing_version', 'document', 'update');
select 'one routing version is active', exists (
  select 1 from pg_indexes where schemaname = 'gateway' and indexname = 'routing_version_active');
select 'changes of routing and back-tests are only added',
  not has_table_privilege('gateway_service', 'gateway.routing_change', 'update, delete')
  and not has_table_privilege('gateway_service', 'gateway.routing_backtest', 'update, delete');
