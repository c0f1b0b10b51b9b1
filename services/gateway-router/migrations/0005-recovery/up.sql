-- Recovery: how long what is under way is waited for, refunds that are refused for good, money that
-- condemned attempts took, and what people have seen where nothing else proves anything.

-- card or sepa_debit; null for operations that were written before.
alter table operation add column method text;

-- What the bank works on was looked at by nobody.
update attempt set look_at = now()
where disposition = 1 and evidence = 'pending' and look_at is null;

-- Minor units that a condemned attempt took: told once, and given back whole.
alter table attempt add column orphan_minor bigint check (orphan_minor > 0);

-- A refund that is refused for good is remembered as failed, also where there is no winner to refund
-- at: a late repetition of its request must not send it.
alter table refund alter column attempt_id drop not null;
-- When a first send may have happened last; null: when the row was made.
alter table refund add column sent_at timestamptz;

-- What people have seen at a gateway where nothing else proves anything. Rows are only added: a
-- proposal, then the approval of somebody else.
create table resolution (
  merchant_id uuid not null,
  intent_id uuid not null,
  operation_id uuid not null,
  id uuid not null,
  -- 1 attempt, 2 refund
  subject_kind smallint not null check (subject_kind in (1, 2)),
  subject_id uuid not null,
  -- 1 canceled at the gateway, 2 refunded at the gateway, 3 never existed
  evidence smallint not null check (evidence between 1 and 3),
  -- Where it was seen, in words.
  words text not null check (words <> ''),
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, id)
);
create index resolution_subject on resolution (intent_id, subject_id, created_at);

create table resolution_approval (
  merchant_id uuid not null,
  intent_id uuid not null,
  resolution_id uuid not null,
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (intent_id, resolution_id)
);

-- Two people, in the schema itself.
create function guard_approval() returns trigger
language plpgsql as $$
begin
  if not exists (
    select 1 from resolution
    where intent_id = new.intent_id and id = new.resolution_id and actor <> new.actor)
  then
    raise exception 'a resolution is approved by somebody else than proposed it'
      using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger resolution_two_people before insert on resolution_approval
  for each row execute function guard_approval();

grant select, insert on resolution, resolution_approval to gateway_service;
