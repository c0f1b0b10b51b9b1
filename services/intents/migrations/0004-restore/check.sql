select 'nothing begins while a restore is closed', (
  select count(*) = 3 from pg_trigger
  where tgname in ('operation_restore', 'capture_restore', 'refund_restore')
    and tgrelid in ('intents.operation'::regclass, 'intents.capture'::regclass,
      'intents.refund'::regclass));
select 'a key that has paid before a restore begins nothing', exists (
  select 1 from pg_trigger
  where tgname = 'operation_claim' and tgrelid = 'intents.operation'::regclass);
select 'claims and gates are only added',
  not has_table_privilege('intents_service', 'intents.restored_claim', 'delete')
  and not has_table_privilege('intents_service', 'intents.restore_gate', 'update, delete');
