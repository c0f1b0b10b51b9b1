-- Payment-method tokens. Runs as vault_owner with search_path = vault.
--
-- No card number is ever stored. What a gateway calls the payment method is sealed with the
-- merchant's data key (AES-256-GCM; merchant, token, column and key version are authenticated), and
-- the data key with a key that lies outside the database and its backups.

-- Keys of a merchant, wrapped. Purpose `data` seals references, and is rotated; `fingerprint` makes
-- equal cards recognisable within the merchant, and keeps its version for life.
create table merchant_key (
  merchant_id uuid not null,
  purpose text not null check (purpose in ('data', 'fingerprint')),
  version integer not null check (version > 0),
  state text not null check (state in ('active', 'retiring', 'destroyed')),
  -- Which key-encryption key wrapped it.
  wrapped_by text not null,
  wrapped bytea check (octet_length(wrapped) = 60),
  created_at timestamptz not null,
  changed_at timestamptz not null,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, purpose, version),
  check ((wrapped is null) = (state = 'destroyed'))
);
create unique index merchant_key_active on merchant_key (merchant_id, purpose)
  where state = 'active';
create index merchant_key_retiring on merchant_key (merchant_id, version) where state = 'retiring';
create index merchant_key_wrapped_by on merchant_key (wrapped_by) where state <> 'destroyed';

create table payment_method (
  merchant_id uuid not null,
  id uuid not null,
  livemode boolean not null,
  type text not null check (type in ('card', 'sepa_debit')),
  brand text not null check (octet_length(brand) <= 20),
  last4 text not null check (last4 ~ '^([0-9]{4})?$'),
  expiry_month smallint not null check (expiry_month between 0 and 12),
  expiry_year smallint not null check (expiry_year between 0 and 2100),
  country text not null check (country ~ '^([A-Z]{2})?$'),
  -- HMAC-SHA256 of the gateway's fingerprint under the merchant's key; null without one.
  fingerprint bytea check (octet_length(fingerprint) = 32),
  customer_id uuid,
  alias text check (alias ~ '^[A-Za-z0-9_]{1,64}$'),
  created_at timestamptz not null,
  -- A deleted method stays as a tombstone without references.
  deleted_at timestamptz,
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
);
create index payment_method_fingerprint on payment_method (merchant_id, fingerprint)
  where fingerprint is not null;

-- Aliases in use: one method per name, freed when the method is deleted.
create table alias (
  merchant_id uuid not null,
  alias text not null,
  payment_method_id uuid not null,
  primary key (merchant_id, alias)
);

-- What a gateway calls the method. `sealed` is nonce, ciphertext and tag; null when shredded.
create table gateway_reference (
  merchant_id uuid not null,
  payment_method_id uuid not null,
  gateway text not null check (gateway in ('stripe', 'adyen')),
  key_version integer not null,
  sealed bytea check (octet_length(sealed) between 28 and 1024),
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, payment_method_id, gateway)
);
create index gateway_reference_key on gateway_reference (merchant_id, key_version)
  where sealed is not null;

-- Who touched what, committed together with the access itself. Written once, never changed.
create table access (
  merchant_id uuid not null,
  id uuid not null,
  payment_method_id uuid not null,
  at timestamptz not null,
  action text not null check (action in ('register', 'describe', 'resolve', 'delete', 'reencrypt')),
  purpose text not null,
  outcome text not null check (outcome in ('ok', 'not_found', 'refused')),
  actor text not null,
  trace_id bytea,
  primary key (merchant_id, id)
) partition by range (id);
create index access_payment_method on access (merchant_id, payment_method_id, id);

-- Background workers: one holder at a time; a holder whose fence is old has lost the lease.
create table worker_lease (
  name text primary key,
  holder uuid not null,
  fence bigint not null,
  expires_at timestamptz not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or removed', tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger immutable before update or delete on access
  for each row execute function refuse_change();
create trigger untruncatable before truncate on access execute function refuse_change();

-- The smallest id of a moment.
create function id_floor(at timestamptz) returns uuid language sql immutable as $$
  select rpad(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the audit's partitions of this month and `ahead` more; answers how many were made.
-- Called by the service every day.
create function make_partitions(at timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = vault, pg_temp as $$
declare
  month timestamptz;
  name text;
  made integer := 0;
begin
  if ahead not between 0 and 24 then
    raise exception 'ahead is 0 to 24 months' using errcode = 'invalid_parameter_value';
  end if;
  for step in 0..ahead loop
    month := (date_trunc('month', at at time zone 'UTC') + make_interval(months => step))
      at time zone 'UTC';
    name := 'access' || to_char(month at time zone 'UTC', '_YYYYMM');
    continue when to_regclass(format('vault.%I', name)) is not null;
    execute format(
      'create table %I partition of access for values from (%L) to (%L)', name, id_floor(month),
      id_floor((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'));
    execute format(
      'create trigger untruncatable before truncate on %I execute function refuse_change()', name);
    made := made + 1;
  end loop;
  return made;
end $$;
create table access_default partition of access default;
create trigger untruncatable before truncate on access_default
  execute function refuse_change();
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
grant select, insert, update, delete on idempotency_key to vault_service;

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
grant select, insert, update, delete on outbox to vault_service;

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
grant select, insert, update on alert to vault_service;

-- Rights -----------------------------------------------------------------------------------------

revoke all on function make_partitions(timestamptz, integer) from public;
grant usage on schema vault to vault_service;
grant select, insert on merchant_key, payment_method, alias, gateway_reference, access,
  worker_lease to vault_service;
grant update (state, wrapped_by, wrapped, changed_at, actor, trace_id) on merchant_key
  to vault_service;
grant update (deleted_at, alias, fingerprint, actor, trace_id) on payment_method to vault_service;
grant update (key_version, sealed, actor, trace_id) on gateway_reference to vault_service;
grant update on worker_lease to vault_service;
grant delete on alias to vault_service;
grant execute on function make_partitions(timestamptz, integer) to vault_service;
