select 'the same bytes once for each books', count(*) = 1
from pg_constraint c where c.conrelid = 'ledger.recon_file'::regclass and c.contype = 'u'
  and (select array_agg(a.attname::text order by a.attname) from pg_attribute a
    where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
    = array['account', 'gateway', 'livemode', 'sha256'];
