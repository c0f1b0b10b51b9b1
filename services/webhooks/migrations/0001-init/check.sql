-- Events are written once.
select 'event has its trigger', count(*) >= 1 from pg_trigger
where not tgisinternal and tgrelid = 'webhooks.event'::regclass;
select t, not has_table_privilege('webhooks_service', 'webhooks.' || t, 'delete, truncate')
from unnest(array['event', 'delivery', 'delivery_attempt', 'endpoint', 'stream']) t;
select 'event cannot be changed',
  not has_table_privilege('webhooks_service', 'webhooks.event', 'update');

-- Every growing table has partitions beside the default one.
select inhparent::regclass, count(*) >= 2 from pg_inherits
where inhparent in ('webhooks.event'::regclass, 'webhooks.delivery'::regclass,
  'webhooks.delivery_attempt'::regclass)
group by inhparent;
