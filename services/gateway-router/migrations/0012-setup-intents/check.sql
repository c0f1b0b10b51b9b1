select 'setup intents are there', to_regclass('gateway.setup_intent') is not null;
select 'a decided setup intent is final', exists (
  select 1 from pg_trigger
  where tgname = 'setup_intent_guard' and tgrelid = 'gateway.setup_intent'::regclass);
select 'whose setup intent it is never changes, nor is one deleted',
  not has_column_privilege('gateway_service', 'gateway.setup_intent', 'payment_method_id', 'update')
  and not has_table_privilege('gateway_service', 'gateway.setup_intent', 'delete');
