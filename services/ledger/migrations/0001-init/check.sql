-- After 0001: the guards stand and hold.
do $$
declare
  name text;
begin
  foreach name in array
    array['account', 'movement', 'transaction', 'entry', 'batch', 'rejection', 'balance']
  loop
    if (select count(*) from pg_trigger where not tgisinternal
        and tgrelid = format('ledger.%I', name)::regclass) < 2 then
      raise exception '% is not protected by its triggers', name;
    end if;
    if has_table_privilege(
      'ledger_service', format('ledger.%I', name), 'insert, update, delete, truncate') then
      raise exception 'ledger_service may write % past post_batch', name;
    end if;
  end loop;
  if not exists (
    select from pg_trigger where tgrelid = 'ledger.entry'::regclass and tgname = 'balanced'
  ) then
    raise exception 'entries are not checked for balance';
  end if;
end $$;
