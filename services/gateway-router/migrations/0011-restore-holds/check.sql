select 'what is for people is settled by two', exists (
  select 1 from pg_trigger
  where tgname = 'restore_payment_two_people' and tgrelid = 'gateway.restore_payment'::regclass);
select 'what people said is only added',
  not has_table_privilege('gateway_service', 'gateway.restore_settlement', 'update, delete');
select 'an order finds what holds it', (
  select count(*) = 3 from pg_indexes where schemaname = 'gateway'
    and indexname in ('restore_payment_hold', 'restore_payment_refund', 'refund_id'));
