-- The settlement forecast by payment method. Runs as ledger_owner with search_path = ledger.
--
-- Of what was taken over so far nobody knows the method, nor does the release before of what it takes: it
-- names no such column, and its forecast is the sum over all methods.
alter table forecast_flow add column method text not null default 'unknown'
  check (method in ('card', 'sepa_debit', 'unknown'));
alter table forecast_flow drop constraint forecast_flow_pkey;
alter table forecast_flow
  add primary key (gateway, account, livemode, currency, method, day, through);
