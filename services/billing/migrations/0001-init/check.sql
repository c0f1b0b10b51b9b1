-- A period has one invoice, and its number is never taken away.
select 'a period is billed once', exists (
  select 1 from pg_constraint where conrelid = 'billing.billed_period'::regclass and contype = 'p');
select t.relname || ' keeps its rows',
  not has_table_privilege('billing_service', t.oid, 'delete, truncate')
from pg_class t
where t.relnamespace = 'billing'::regnamespace and t.relname
  in ('subscription', 'invoice', 'invoice_line', 'billed_period', 'invoice_counter', 'payment_try');

-- What was agreed and billed is written once.
select 'the contract cannot be changed', not has_column_privilege(
  'billing_service', 'billing.subscription', 'anchor_at', 'update')
  and not has_column_privilege(
    'billing_service', 'billing.subscription', 'unit_amount_minor', 'update');
select 'the bill cannot be changed', not has_column_privilege(
  'billing_service', 'billing.invoice', 'total_minor', 'update')
  and not has_column_privilege('billing_service', 'billing.invoice', 'number', 'update')
  and not has_table_privilege('billing_service', 'billing.invoice_line', 'update');

-- There are partitions for what is billed today.
select inhparent::regclass, count(*) >= 2 from pg_inherits
where inhparent in ('billing.invoice'::regclass, 'billing.invoice_line'::regclass,
  'billing.payment_try'::regclass) group by inhparent;
