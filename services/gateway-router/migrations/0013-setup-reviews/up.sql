-- What people say about set-ups of which a gateway's answers contradict the request. Rows are only
-- added: one for each alert that a word is about.
create table setup_review (
  merchant_id uuid not null,
  setup_intent_id uuid not null,
  id bigint generated always as identity,
  -- The alert, and which sighting of it: what is seen later was not looked at.
  alert_key text not null,
  alert_first_seen timestamptz not null,
  alert_count bigint not null,
  -- Where it was seen, in words.
  words text not null check (words <> ''),
  created_at timestamptz not null default now(),
  actor text not null,
  trace_id bytea not null,
  primary key (merchant_id, setup_intent_id, id),
  -- One word of one person about one sighting.
  unique (merchant_id, setup_intent_id, alert_key, alert_first_seen, alert_count, actor),
  foreign key (merchant_id, setup_intent_id) references setup_intent
);
create index setup_review_alert on setup_review (alert_key);

-- Two people, in the schema itself: money may be held.
create function guard_setup_money() returns trigger
language plpgsql as $$
begin
  if (
    select count(distinct actor) from setup_review r
    where r.alert_key = old.dedup_key and r.alert_first_seen = old.first_seen
      and r.alert_count = old.count) < 2
  then
    raise exception 'two people end what says that money may be held'
      using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger alert_two_people before update on alert
  for each row
  when (old.kind = 'setup_money_conflicts' and old.state = 'open' and new.state <> 'open')
  execute function guard_setup_money();

grant select, insert on setup_review to gateway_service;
