select 'declines of cards are there', to_regclass('gateway.card_decline') is not null;
select 'a decline of a card is never changed',
  not has_table_privilege('gateway_service', 'gateway.card_decline', 'update');
