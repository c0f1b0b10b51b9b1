-- Links are written once, and every new row of the audit waits for one.
select 'access_seal has its triggers', count(*) = 2 from pg_trigger
where not tgisinternal and tgrelid = 'vault.access_seal'::regclass;
select 'access_seal cannot be changed',
  not has_table_privilege('vault_service', 'vault.access_seal', 'update, delete, truncate');
select 'rows of the audit are marked', count(*) = 1 from pg_trigger
where tgrelid = 'vault.access'::regclass and tgname = 'unsealed';
