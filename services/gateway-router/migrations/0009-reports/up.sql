-- Reports of the gateways: which are there, and the hash of what was downloaded. The files stay at
-- the gateway. They concern an account there, not one merchant.
create table report (
  gateway text not null,
  account text not null,
  kind text not null,
  -- Adyen's file name; at Stripe the period in seconds since 1970.
  name text not null,
  period_start timestamptz,
  period_end timestamptz,
  -- 1 requested (the gateway makes it), 2 available, 3 fetched, 4 rejected
  state smallint not null check (state between 1 and 4),
  -- The gateway's ids of the run and of its file.
  run_reference text,
  file_reference text,
  -- Runs that failed.
  failures integer not null default 0,
  sha256 bytea check (octet_length(sha256) = 32),
  bytes bigint,
  row_count bigint,
  -- Why it was rejected.
  detail text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  fetched_at timestamptz,
  actor text not null,
  trace_id bytea not null,
  primary key (gateway, account, kind, name),
  check (state <> 3 or (sha256 is not null and bytes is not null and row_count is not null))
);

-- What was once read stays what it was.
create function guard_report() returns trigger
language plpgsql as $$
begin
  if old.state = 3 and (new.sha256, new.bytes, new.row_count, new.state)
    is distinct from (old.sha256, old.bytes, old.row_count, old.state) then
    raise exception 'a fetched report is final' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger report_final before update on report for each row execute function guard_report();

grant select, insert, update on report to gateway_service;
