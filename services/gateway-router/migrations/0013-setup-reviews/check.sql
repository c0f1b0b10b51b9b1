select 'two people end what says that money may be held', exists (
  select 1 from pg_trigger
  where tgname = 'alert_two_people' and tgrelid = 'gateway.alert'::regclass);
select 'what people said about set-ups is only added',
  not has_table_privilege('gateway_service', 'gateway.setup_review', 'update, delete');
