select 'the version of an operation is guarded', exists (
  select 1 from pg_trigger
  where tgname = 'operation_version' and tgrelid = 'gateway.operation'::regclass);
