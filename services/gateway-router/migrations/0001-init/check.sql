select 'the disposition of an attempt is guarded', exists (
  select 1 from pg_trigger
  where tgname = 'attempt_disposition' and tgrelid = 'gateway.attempt'::regclass);
select 'one winner per operation', exists (
  select 1 from pg_indexes where schemaname = 'gateway' and indexname = 'attempt_winner');
