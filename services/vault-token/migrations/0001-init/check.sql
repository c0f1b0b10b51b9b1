-- After 0001: the guards stand and hold.
do $$
begin
  if (select count(*) from pg_trigger where not tgisinternal
      and tgrelid = 'vault.access'::regclass) < 2 then
    raise exception 'the audit is not protected by its triggers';
  end if;
  if has_table_privilege('vault_service', 'vault.access', 'update, delete, truncate')
    or has_table_privilege('vault_service', 'vault.payment_method', 'delete')
    or has_table_privilege('vault_service', 'vault.gateway_reference', 'delete') then
    raise exception 'vault_service may remove what it must keep';
  end if;
  if (select count(*) from pg_inherits where inhparent = 'vault.access'::regclass) < 2 then
    raise exception 'the audit has no partitions';
  end if;
end $$;
