-- Declines: what the network said, which version of the table judged it, and which cards were
-- declined when, so that the networks' limits can be kept.

alter table attempt
  -- Of `DeclineTable`; null where no bank declined.
  add column decline_table_version smallint,
  add column decline_network_code text,
  add column decline_advice_code text,
  add column decline_retry_after_seconds integer;

-- One row per declined attempt, by the card that was used. Rows that forbid any further try stay;
-- others are forgotten after 30 days, with the card's next decline.
create table card_decline (
  merchant_id uuid not null,
  payment_method_id uuid not null,
  attempt_id uuid not null,
  currency char(3) not null,
  amount_minor bigint not null,
  declined_at timestamptz not null,
  is_forbidden boolean not null,
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, payment_method_id, attempt_id)
);

grant select, insert, delete on card_decline to gateway_service;
