-- What a restore has lost holds its payment until it is rebuilt or two people have said what became
-- of it, also after money moves again.

-- 1 found, 2 rebuilt, 3 for people, 4 settled by two people
alter table restore_payment drop constraint restore_payment_state_check;
alter table restore_payment add constraint restore_payment_state_check check (state in (1, 2, 3, 4));
-- Only what is whole can be rebuilt.
alter table restore_payment drop constraint restore_payment_check;
alter table restore_payment add constraint restore_payment_check
  check (state in (3, 4) or (merchant_id is not null and intent_id is not null
    and operation_id is not null and attempt_id is not null and payment_method_id is not null
    and key_proof is not null and capture_method is not null and off_session is not null
    and mode is not null and attempt_sequence is not null and method is not null
    and currency is not null
    and amount_minor is not null));

-- Of a refund: the gateway's id of its payment. Null for a payment.
alter table restore_payment add column payment_reference text;
update restore_payment set payment_reference = substr(detail, 13)
where detail like 'a refund of %' and state = 3;

-- What two people have said: 1 it stands (a payment keeps its money, a refund went back), 2 nothing
-- of it is left.
alter table restore_payment add column verdict smallint check (verdict in (1, 2));
alter table restore_payment add constraint restore_payment_settled
  check ((state = 4) = (verdict is not null));

-- Looked into by every order about a payment, once there was a restore: few rows, most of them none.
create index restore_payment_hold on restore_payment (intent_id)
  where payment_reference is null and (state in (1, 3) or verdict = 1);
create index restore_payment_refund on restore_payment (payment_reference)
  where payment_reference is not null and state in (1, 3);
create index restore_payment_reference on restore_payment (reference);
create index restore_payment_unresolved on restore_payment (restore_id) where state in (1, 3);

-- What people have said about what is for people: rows are only added.
create table restore_settlement (
  id bigint generated always as identity primary key,
  restore_id uuid not null,
  gateway text not null,
  account text not null,
  reference text not null,
  verdict smallint not null check (verdict in (1, 2)),
  -- Where it was seen, in words.
  words text not null check (words <> ''),
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  foreign key (restore_id, gateway, account, reference) references restore_payment
);
create index restore_settlement_of on restore_settlement (restore_id, gateway, account, reference, id);

-- Two people, in the schema itself; and what they have settled is final.
create function guard_settlement() returns trigger
language plpgsql as $$
begin
  if old.state = 4 then
    raise exception 'what two people have settled is final' using errcode = 'restrict_violation';
  end if;
  if old.state not in (1, 3) or (
    select count(distinct actor) from restore_settlement s
    where s.restore_id = new.restore_id and s.gateway = new.gateway and s.account = new.account
      and s.reference = new.reference and s.verdict = new.verdict) < 2
  then
    raise exception 'what was lost is settled by two who say the same'
      using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger restore_payment_two_people before update on restore_payment
  for each row when (old.state = 4 or new.state = 4) execute function guard_settlement();

-- A refund by its id alone, as a gateway's list names it.
create index refund_id on refund (id);

grant select, insert on restore_settlement to gateway_service;
