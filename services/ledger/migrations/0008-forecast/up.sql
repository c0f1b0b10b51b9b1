-- The settlement forecast: what gateways will pay out, day by day, and how good that was.
--
-- All four tables are facts: inserted once, never changed. `gateway` and `account` are the distribution
-- key, as in reconciliation: a forecast concerns an account at a gateway with all its merchants, its live
-- and its test books apart.

-- What moved on a clearing account, taken over from the books in their order: one row for each day of
-- effect and each piece of the books that was taken. All amounts are zero or more.
create table forecast_flow (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  currency char(3) not null,
  -- The gateway's day: from its cut-off on, what moves is of the next one.
  day date not null,
  -- The last place in the books that is counted in.
  through uuid not null,
  in_minor bigint not null check (in_minor >= 0),
  out_minor bigint not null check (out_minor >= 0),
  fee_minor bigint not null check (fee_minor >= 0),
  paid_minor bigint not null check (paid_minor >= 0),
  primary key (gateway, account, livemode, currency, day, through)
);
create index forecast_flow_place on forecast_flow (gateway, account, through);

-- A day's forecast, made once, when that day begins.
create table forecast (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  currency char(3) not null,
  made_on date not null,
  open_minor bigint not null check (open_minor >= 0),
  -- Fees expected within it.
  fees_minor bigint not null check (fees_minor >= 0),
  overdue_minor bigint not null check (overdue_minor >= 0),
  -- Where the lags came from, how many were seen, and their percentiles in business days.
  lag_source text not null check (lag_source in ('contract', 'observed')),
  observations integer not null check (observations >= 0),
  lag_p10_days integer not null,
  lag_p50_days integer not null,
  lag_p90_days integer not null,
  made_at timestamptz not null default clock_timestamp(),
  actor text not null,
  trace_id bytea not null,
  primary key (gateway, account, livemode, currency, made_on),
  check (lag_p10_days <= lag_p50_days and lag_p50_days <= lag_p90_days)
);

create table forecast_day (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  currency char(3) not null,
  made_on date not null,
  day date not null,
  p10_minor bigint not null check (p10_minor >= 0),
  p50_minor bigint not null,
  p90_minor bigint not null,
  primary key (gateway, account, livemode, currency, made_on, day),
  check (p10_minor <= p50_minor and p50_minor <= p90_minor)
);

-- What came on a day of the money that was open when a forecast was made, once that day is known.
create table forecast_score (
  gateway text not null,
  account text not null,
  livemode boolean not null,
  currency char(3) not null,
  made_on date not null,
  day date not null,
  -- Business days ahead.
  horizon_days integer not null check (horizon_days >= 0),
  p10_minor bigint not null,
  p50_minor bigint not null,
  p90_minor bigint not null,
  actual_minor bigint not null check (actual_minor >= 0),
  scored_at timestamptz not null default clock_timestamp(),
  primary key (gateway, account, livemode, currency, made_on, day),
  check (made_on <= day and p10_minor <= p50_minor and p50_minor <= p90_minor)
);

-- Guards -----------------------------------------------------------------------------------------

create trigger immutable before update or delete on forecast_flow
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on forecast
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on forecast_day
  for each row execute function refuse_recon_change();
create trigger immutable before update or delete on forecast_score
  for each row execute function refuse_recon_change();
create trigger untruncatable before truncate on forecast_flow
  execute function refuse_recon_change();
create trigger untruncatable before truncate on forecast
  execute function refuse_recon_change();
create trigger untruncatable before truncate on forecast_day
  execute function refuse_recon_change();
create trigger untruncatable before truncate on forecast_score
  execute function refuse_recon_change();

-- Rights -----------------------------------------------------------------------------------------

grant select, insert on forecast_flow, forecast, forecast_day, forecast_score to ledger_service;
