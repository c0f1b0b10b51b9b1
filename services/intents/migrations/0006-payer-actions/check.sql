select 'operations keep where their payers come back to', exists (
  select 1 from information_schema.columns
  where table_schema = 'intents' and table_name = 'operation' and column_name = 'return_url');
select 'what a payer has to do ends with its state', exists (
  select 1 from pg_trigger
  where tgname = 'payment_intent_next_action' and tgrelid = 'intents.payment_intent'::regclass);
