select 'policies are only added', not has_table_privilege(
  'gateway_service', 'gateway.merchant_policy', 'update, delete');
select 'open operations are found by age', exists (
  select 1 from pg_indexes where schemaname = 'gateway' and indexname = 'operation_open_since');
