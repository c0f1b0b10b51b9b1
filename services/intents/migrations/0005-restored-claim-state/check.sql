select 'a claim says whether its payment is settled', (
  select attnotnull from pg_attribute
  where attrelid = 'intents.restored_claim'::regclass and attname = 'state');
select 'what is unresolved of an intent is found by an index',
  to_regclass('intents.restored_claim_unresolved') is not null;
select 'a cancel is checked', to_regprocedure('intents.check_cancelable(uuid, uuid)') is not null;
