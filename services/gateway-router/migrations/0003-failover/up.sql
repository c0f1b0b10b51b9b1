-- Failover: what a merchant allows.

-- Rows are only added: the newest version of a merchant counts; none means the standard.
create table merchant_policy (
  merchant_id uuid not null,
  version integer not null check (version > 0),
  -- A second authorisation beside one whose outcome is unknown, while the payer is there.
  speculates_with_payer boolean not null,
  -- The same for payments that the merchant starts.
  speculates_off_session boolean not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, version)
);

grant select, insert on merchant_policy to gateway_service;
