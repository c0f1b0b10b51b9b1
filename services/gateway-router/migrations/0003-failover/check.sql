select 'policies are only added', not has_table_privilege(
  'gateway_service', 'gateway.merchant_policy', 'update, delete');
