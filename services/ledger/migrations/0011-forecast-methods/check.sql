-- One row for each method.
select 'the key has the method', count(*) = 1 from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
where c.conrelid = 'ledger.forecast_flow'::regclass and c.contype = 'p' and a.attname = 'method';
