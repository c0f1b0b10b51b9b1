select 'returns are there', to_regclass('intents.payment_return') is not null;
select 'the service writes returns and never changes one',
  has_table_privilege('intents_service', 'intents.payment_return', 'insert')
  and not has_table_privilege('intents_service', 'intents.payment_return', 'update')
  and not has_table_privilege('intents_service', 'intents.payment_return', 'delete');
