-- What payers have to do (3DS), and where they come back to. Rows of before have none of it: no table
-- is read to check them.

-- Null: gateway-router's own address.
alter table operation add column return_url text;
alter table operation add constraint operation_return_url
  check (return_url is null or octet_length(return_url) between 1 and 1024) not valid;

-- An encoded NextAction. Whoever has it can act as the payer does.
alter table payment_intent add column next_action bytea;
alter table payment_intent add constraint payment_intent_next_action
  check (octet_length(next_action) <= 20480) not valid;

-- It ends with the state, whichever release writes the row.
create function end_next_action() returns trigger
language plpgsql as $$
begin
  new.next_action := null;
  return new;
end
$$;
create trigger payment_intent_next_action before update on payment_intent
  for each row when (new.next_action is not null and new.status <> 2)
  execute function end_next_action();
