-- The audit is written once.
select 'access has its triggers', count(*) >= 2 from pg_trigger
where not tgisinternal and tgrelid = 'vault.access'::regclass;
select 'access cannot be changed',
  not has_table_privilege('vault_service', 'vault.access', 'update, delete, truncate');

-- What must stay can only be shredded, not removed.
select t.relname, not has_table_privilege('vault_service', t.oid, 'delete, truncate')
from pg_class t
where t.relnamespace = 'vault'::regnamespace
  and t.relname in ('merchant_key', 'payment_method', 'gateway_reference');
select inhparent::regclass, count(*) >= 2 from pg_inherits
where inhparent = 'vault.access'::regclass group by inhparent;
