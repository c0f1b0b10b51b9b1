select 'cursors of events are there', to_regclass('gateway.event_cursor') is not null;
select 'listed notifications are marked', exists (
  select 1 from pg_attribute where attrelid = 'gateway.notification'::regclass
    and attname = 'is_listed' and not attisdropped);
select 'the service adds returns and never changes one',
  has_table_privilege('gateway_service', 'gateway.bank_return', 'insert')
  and not has_table_privilege('gateway_service', 'gateway.bank_return', 'update')
  and not has_table_privilege('gateway_service', 'gateway.bank_return', 'delete');
