select 'one restore is closed', exists (
  select 1 from pg_indexes where schemaname = 'gateway' and indexname = 'restore_closed');
select 'a restore is final', exists (
  select 1 from pg_trigger
  where tgname = 'restore_guard' and tgrelid = 'gateway.restore'::regclass)
  and not has_column_privilege('gateway_service', 'gateway.restore', 'point_at', 'update');
select 'what people did about restores is only added',
  not has_table_privilege('gateway_service', 'gateway.restore_change', 'update, delete')
  and not has_table_privilege('gateway_service', 'gateway.restore_report', 'update, delete');
select 'what was found is never deleted',
  not has_table_privilege('gateway_service', 'gateway.restore_payment', 'delete')
  and not has_table_privilege('gateway_service', 'gateway.restore', 'delete');
