select 'refunds are there', to_regclass('gateway.refund') is not null;
select 'the service writes refunds and never deletes one',
  has_table_privilege('gateway_service', 'gateway.refund', 'insert')
  and not has_table_privilege('gateway_service', 'gateway.refund', 'delete');
