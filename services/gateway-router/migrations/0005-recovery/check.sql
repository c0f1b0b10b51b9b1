select 'two people approve a resolution', exists (
  select 1 from pg_trigger
  where tgname = 'resolution_two_people' and tgrelid = 'gateway.resolution_approval'::regclass);
select 'resolutions are only added',
  not has_table_privilege('gateway_service', 'gateway.resolution', 'update, delete')
  and not has_table_privilege('gateway_service', 'gateway.resolution_approval', 'update, delete');
