select 'operations keep where their payers come back to', exists (
  select 1 from information_schema.columns
  where table_schema = 'gateway' and table_name = 'operation' and column_name = 'return_url');
select 'results of payers are counted, and addresses end', exists (
  select 1 from pg_trigger
  where tgname = 'attempt_payer_action' and tgrelid = 'gateway.attempt'::regclass);
