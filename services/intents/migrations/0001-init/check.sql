select 'partition of this month: ' || parent,
  to_regclass('intents.' || parent || '_' || to_char(now() at time zone 'UTC', 'YYYYMM')) is not null
from unnest(array['payment_intent', 'payment_intent_change']) parent;
select 'one open operation per intent', exists (
  select 1 from pg_indexes where schemaname = 'intents' and indexname = 'operation_open');
