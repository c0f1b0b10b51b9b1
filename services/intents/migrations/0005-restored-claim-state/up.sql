-- What is known of a payment whose key was claimed and that is not rebuilt. Until it is settled its
-- intent must not be canceled: its customer has paid, or may have.
-- 1 pending: it may still be rebuilt; 2 for people; 3 settled by two of them.
-- Claims that are there already hold nothing: nobody would say of them that they are settled.
alter table restored_claim
  add column state smallint not null default 3 check (state in (1, 2, 3));
create index restored_claim_unresolved on restored_claim (intent_id)
  where not is_rebuilt and state < 3;
grant update (state) on restored_claim to intents_service;

-- Within the transaction that cancels, before it commits.
create function check_cancelable(merchant uuid, intent uuid) returns boolean
language plpgsql as $$
begin
  if (select is_closed from restore_gate order by sequence desc limit 1) then
    raise exception 'a restore is in progress' using errcode = 'TN011';
  end if;
  if exists (
    select from restored_claim c
    where c.intent_id = intent and c.merchant_id = merchant and not c.is_rebuilt and c.state < 3
  ) then
    raise exception 'a lost payment of this intent is unresolved' using errcode = 'TN013';
  end if;
  return true;
end
$$;
