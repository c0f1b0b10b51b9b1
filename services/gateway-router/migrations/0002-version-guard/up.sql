-- Every change of an operation counts its version up by one, so that whoever read an older version
-- cannot write over a newer one: compare and set in the schema, in the transaction's one round trip.
create function guard_version() returns trigger
language plpgsql as $$
begin
  if new.version <> old.version + 1 then
    raise exception 'the operation was changed meanwhile' using errcode = 'TN001';
  end if;
  return new;
end
$$;
create trigger operation_version before update on operation
  for each row execute function guard_version();

-- Rows change two or three times within their first second: leave room for it on the page.
alter table operation set (fillfactor = 70);
alter table attempt set (fillfactor = 70);
alter table capture set (fillfactor = 70);
alter table notification set (fillfactor = 70);
