-- Products, prices, subscriptions, invoices and their payments. Runs as billing_owner with
-- search_path = billing.

create table product (
  merchant_id uuid not null,
  id uuid not null,
  name text not null,
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
);

create table price (
  merchant_id uuid not null,
  id uuid not null,
  product_id uuid not null,
  currency char(3) not null,
  unit_amount_minor bigint not null check (unit_amount_minor >= 0),
  -- 1 day, 2 week, 3 month, 4 year
  interval_unit smallint not null check (interval_unit between 1 and 4),
  interval_count smallint not null check (interval_count between 1 and 36),
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
);

-- The contract (anchor, interval, amount, quantity) is written once: every bill follows from it.
create table subscription (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  customer_id uuid not null,
  price_id uuid not null,
  payment_method_id uuid not null,
  quantity bigint not null check (quantity between 1 and 1000000),
  currency char(3) not null,
  unit_amount_minor bigint not null check (unit_amount_minor >= 0),
  description text not null,
  anchor_at timestamptz not null,
  interval_unit smallint not null check (interval_unit between 1 and 4),
  interval_count smallint not null check (interval_count between 1 and 36),
  -- 1 incomplete, 2 active, 3 past due, 4 canceled, 5 incomplete expired
  status smallint not null check (status between 1 and 5),
  -- The last period that has its invoice.
  current_period integer not null check (current_period >= 0),
  current_period_start timestamptz not null,
  current_period_end timestamptz not null check (current_period_end > current_period_start),
  latest_invoice_id uuid not null,
  version bigint not null,
  created_at timestamptz not null,
  canceled_at timestamptz,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id),
  check ((status = 4) = (canceled_at is not null))
) with (fillfactor = 80);
create index subscription_due on subscription (current_period_end) where status in (2, 3);
create index subscription_incomplete on subscription (created_at) where status = 1;
create index subscription_of_merchant_due on subscription (merchant_id, current_period_end)
  where status in (2, 3);

create table invoice (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  subscription_id uuid not null,
  period integer not null check (period >= 0),
  -- Shown as INV-000001.
  number bigint not null check (number >= 1),
  -- 1 draft, 2 open, 3 paid, 4 void, 5 uncollectible
  status smallint not null check (status between 1 and 5),
  currency char(3) not null,
  total_minor bigint not null check (total_minor >= 0),
  -- The one intent of its life, and the newest version of it that counted.
  payment_intent_id uuid,
  payment_status smallint check (payment_status between 1 and 7),
  payment_version bigint not null default 0,
  payment_failure_code text,
  payment_tries integer not null default 0,
  version bigint not null,
  created_at timestamptz not null,
  paid_at timestamptz,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id),
  check ((status = 3) = (paid_at is not null))
) partition by range (id);
create index invoice_of_subscription on invoice (merchant_id, subscription_id, number);
create table invoice_default partition of invoice default with (fillfactor = 80);

create table invoice_line (
  merchant_id uuid not null,
  invoice_id uuid not null,
  line smallint not null,
  description text not null,
  quantity bigint not null,
  amount_minor bigint not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  primary key (merchant_id, invoice_id, line)
) partition by range (invoice_id);
create table invoice_line_default partition of invoice_line default;

-- A period is billed once, whoever runs when.
create table billed_period (
  merchant_id uuid not null,
  subscription_id uuid not null,
  period integer not null,
  invoice_id uuid not null,
  primary key (merchant_id, subscription_id, period)
);

-- The last number given; taken in the transaction that opens the invoice, so that none is lost.
create table invoice_counter (
  merchant_id uuid primary key,
  last_number bigint not null check (last_number >= 1)
) with (fillfactor = 50);

-- One row per time that intents was asked to move an invoice's money.
create table payment_try (
  merchant_id uuid not null,
  invoice_id uuid not null,
  try integer not null check (try >= 1),
  -- 1 create the intent, 2 confirm it again
  kind smallint not null check (kind in (1, 2)),
  -- The idempotency key of the call, derived from invoice and try.
  key text not null check (key ~ '^[A-Za-z0-9]{1,64}$'),
  -- 1 open: what intents answered is not known; 2 answered; 3 refused: no money moved
  state smallint not null check (state in (1, 2, 3)),
  -- When the worker asks (again).
  look_at timestamptz not null,
  looks integer not null default 0,
  created_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, invoice_id, try)
) partition by range (invoice_id);
create table payment_try_default partition of payment_try default with (fillfactor = 80);
create index payment_try_open on payment_try (look_at) where state = 1;

-- The movable clocks of test merchants. Never set backwards.
create table merchant_clock (
  merchant_id uuid primary key,
  now_at timestamptz not null,
  advanced_from timestamptz not null,
  actor text not null,
  trace_id bytea
);

-- The smallest id of a moment.
create function id_floor(at timestamptz) returns uuid language sql immutable as $$
  select rpad(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions of this month and `ahead` more; answers how many were made.
-- Called by the service every day.
create function make_partitions(at timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = billing, pg_temp as $$
declare
  month timestamptz;
  parent text;
  name text;
  made integer := 0;
begin
  if ahead not between 0 and 24 then
    raise exception 'ahead is 0 to 24 months' using errcode = 'invalid_parameter_value';
  end if;
  for step in 0..ahead loop
    month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => step))
      at time zone 'UTC';
    foreach parent in array array['invoice', 'invoice_line', 'payment_try'] loop
      name := parent || to_char(month at time zone 'UTC', '_YYYYMM');
      continue when to_regclass(format('billing.%I', name)) is not null;
      execute format(
        'create table %I partition of %I for values from (%L) to (%L)%s', name, parent,
        id_floor(month),
        id_floor((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'),
        case parent when 'invoice_line' then '' else ' with (fillfactor = 80)' end);
      made := made + 1;
    end loop;
  end loop;
  return made;
end $$;
do $$ begin perform make_partitions(now(), 3); end $$;

-- Shared by every service ------------------------------------------------------------------------

-- One row per mutation that was asked for: the claim, then the answer (DESIGN section 7).
-- Kept 24 h from completion; only finished rows expire.
create table idempotency_key (
  merchant_id uuid not null,
  method text not null,
  key text not null,
  fingerprint bytea not null,
  fingerprint_version smallint not null,
  -- 0 running, 1 finished
  state smallint not null check (state in (0, 1)),
  -- Each takeover raises it; an old fence changes nothing.
  fence bigint not null,
  lease_until timestamptz not null,
  -- What the claim works on, for those who end abandoned claims.
  subject uuid,
  code smallint,
  message text,
  response bytea,
  details bytea,
  actor text not null,
  trace_id bytea not null,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  expires_at timestamptz,
  primary key (merchant_id, method, key),
  check ((state = 1) = (code is not null and completed_at is not null and expires_at is not null))
) with (fillfactor = 70);
create index idempotency_key_expiry on idempotency_key (expires_at) where state = 1;
create index idempotency_key_running on idempotency_key (lease_until) where state = 0;
grant select, insert, update, delete on idempotency_key to billing_service;

-- A row that exists is unsent; acknowledged rows are deleted.
create table outbox (
  destination text not null,
  distribution_key uuid not null,
  sequence bigint generated always as identity,
  id uuid not null,
  merchant_id uuid not null,
  payload bytea not null,
  actor text not null,
  trace_id bytea,
  created_at timestamptz not null default now(),
  not_before timestamptz not null default now(),
  lease_until timestamptz,
  fence bigint not null default 0,
  attempts integer not null default 0,
  last_error text,
  primary key (distribution_key, destination, sequence)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index outbox_in_order on outbox (destination, sequence);
grant select, insert, update, delete on outbox to billing_service;

-- What an operator must see, one row per deduplication key.
create table alert (
  dedup_key text primary key,
  id uuid not null,
  merchant_id uuid,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  kind text not null,
  subject text not null,
  message text not null,
  state text not null default 'open' check (state in ('open', 'resolved')),
  first_seen timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  count bigint not null default 1,
  resolved_at timestamptz,
  actor text not null
);
create index alert_open on alert (severity, first_seen) where state = 'open';
grant select, insert, update on alert to billing_service;

-- Rights -----------------------------------------------------------------------------------------

revoke all on function make_partitions(timestamptz, integer) from public;
grant execute on function make_partitions(timestamptz, integer) to billing_service;
grant usage on schema billing to billing_service;
grant select, insert on product, price, subscription, invoice, invoice_line, billed_period,
  invoice_counter, payment_try, merchant_clock to billing_service;
grant update (status, current_period, current_period_start, current_period_end, latest_invoice_id,
  version, canceled_at, actor, trace_id) on subscription to billing_service;
grant update (status, payment_intent_id, payment_status, payment_version, payment_failure_code,
  payment_tries, version, paid_at, actor, trace_id) on invoice to billing_service;
grant update (last_number) on invoice_counter to billing_service;
grant update (state, look_at, looks) on payment_try to billing_service;
grant update on merchant_clock to billing_service;
