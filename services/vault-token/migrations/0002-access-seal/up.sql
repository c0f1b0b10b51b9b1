-- The audit as a chain: each link covers the link before it and a batch of a merchant's rows.

-- Rows of `access` that no link covers yet. Written with the row itself, deleted by the sealer in
-- the transaction of the link.
create table access_unsealed (
  merchant_id uuid not null,
  id uuid not null,
  primary key (merchant_id, id)
) with (autovacuum_vacuum_scale_factor = 0.02);

create function mark_unsealed() returns trigger language plpgsql as $$
begin
  insert into access_unsealed (merchant_id, id) select merchant_id, id from inserted;
  return null;
end $$;
create trigger unsealed after insert on access referencing new table as inserted
  for each statement execute function mark_unsealed();

-- One row per link. `hash` is SHA-256 over all the other columns; `leaves` are the SHA-256 of the
-- rows, 32 bytes each, in the order of `ids`.
create table access_seal (
  merchant_id uuid not null,
  number bigint not null check (number > 0),
  sealed_at timestamptz not null,
  ids uuid[] not null check (cardinality(ids) between 1 and 500),
  leaves bytea not null,
  previous_hash bytea not null check (octet_length(previous_hash) = 32),
  hash bytea not null check (octet_length(hash) = 32),
  primary key (merchant_id, number),
  check (octet_length(leaves) = 32 * cardinality(ids))
);
create trigger immutable before update or delete on access_seal
  for each row execute function refuse_change();
create trigger untruncatable before truncate on access_seal execute function refuse_change();

grant select, insert, delete on access_unsealed to vault_service;
grant select, insert on access_seal to vault_service;
