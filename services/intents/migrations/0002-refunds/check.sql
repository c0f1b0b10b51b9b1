select 'refunds are there', to_regclass('intents.refund') is not null;
select 'the service writes refunds and never deletes one',
  has_table_privilege('intents_service', 'intents.refund', 'insert')
  and not has_table_privilege('intents_service', 'intents.refund', 'delete');
