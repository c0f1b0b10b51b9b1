-- What payers are asked to do (3DS), and where they come back to. Rows of before have none of it: no
-- table is read to check them.

-- Null: the address of the settings. A repetition of the request sends the same bytes.
alter table operation add column return_url text;
alter table operation add constraint operation_return_url
  check (return_url is null or octet_length(return_url) between 1 and 1024) not valid;

alter table attempt
  -- An encoded NextAction; only while it may still matter. Whoever has it can act as the payer does.
  add column action bytea,
  -- How often what the payer brought back was handed to the gateway: the number in its key.
  add column action_tries smallint not null default 0,
  -- Beside the evidence 'requires_action': what the payer brought back was handed to the gateway, whose
  -- answer nobody has heard. A column of its own, so that the release before, which has no such
  -- evidence, can read the row: for it the payer is still asked.
  add column action_submitted boolean not null default false;
alter table attempt add constraint attempt_action
  check (octet_length(action) <= 20480 and action_tries between 0 and 10) not valid;

-- A number is used once, and neither address nor submission outlives what it is for, whichever release
-- writes the row.
create function guard_payer_action() returns trigger
language plpgsql as $$
begin
  if new.action_tries < old.action_tries or new.action_tries > old.action_tries + 1 then
    raise exception 'results of payers are counted one by one' using errcode = 'restrict_violation';
  end if;
  if new.evidence <> 'requires_action' then
    new.action_submitted := false;
  end if;
  if new.evidence <> 'requires_action' or new.disposition <> 1 then
    new.action := null;
  end if;
  return new;
end
$$;
create trigger attempt_payer_action before update on attempt
  for each row when (
    new.action is not null or new.action_submitted or new.action_tries <> old.action_tries)
  execute function guard_payer_action();
