/// Books captures at the speed of the database: by the very function that the service calls, and so
/// with every trigger, the balances, their snapshots and the chain. Only the arrays that it takes
/// are made in SQL, so that a year of books needs no hours.
enum BooksLoad {
  /// The account that has a leg of each capture.
  static let account = "merchant_payable"

  /// To be made with `search_path = ledger`.
  static let procedure = #"""
    create function bench_text(value text) returns bytea language sql immutable as $$
      select int4send(octet_length(value)) || convert_to(value, 'UTF8')
    $$;
    -- An account's id, as the service derives it.
    create function bench_account(merchant uuid, code text) returns uuid
    language sql immutable as $$
      select encode(substr(sha256(bench_text('tender.account.v1') || uuid_send(merchant)
        || convert_to('EUR', 'UTF8') || bench_text(code)), 1, 16), 'hex')::uuid
    $$;
    -- Books captures `first` to `first + count - 1` of `total` through write_batch, 1,000 a batch,
    -- with the leaves that the service would hash; recorded from `began` to `ended`, each up to 10
    -- minutes after it took effect, one in a hundred up to 30 days. The last account has a leg of
    -- each.
    create procedure bench_load(
      merchant uuid, first bigint, count bigint, total bigint, began timestamptz,
      ended timestamptz
    ) language plpgsql as $$
    declare
      batch constant integer := 1000;
      places constant integer := 10000;
      codes constant text[] := array(
        select 'gateway_clearing:bench:' || p from generate_series(1, places) p)
        || 'merchant_payable'::text;
      accounts constant uuid[] := array(
        select bench_account(merchant, c) from unnest(codes) with ordinality u(c, n) order by n);
      hot constant integer := places + 1;
      actor constant text := 'service:intents';
      before constant bytea := bench_text('tender.transaction.v4');
      -- Moves at once: no phase, no other transaction, no expiry, ends none; one pair, as intents
      -- posts it.
      after constant bytea := int2send(0::smallint) || decode(repeat('00', 16), 'hex')
        || int8send(0) || '\x00'::bytea || int2send(1::smallint)
        || bench_text('payment_method') || bench_text('card');
      none constant bytea := '\x00'::bytea || int4send(0);
      debit constant bytea := int2send(1::smallint) || convert_to('EUR', 'UTF8');
      credit constant bytea := int2send((-1)::smallint) || convert_to('EUR', 'UTF8');
      recorded timestamptz;
      x record;
      y record;
    begin
      for start in first..first + count - 1 by batch loop
        recorded := began + (ended - began) * ((start + batch)::float8 / total);
        with item as materialized (
          select i, gen_random_uuid() as id, gen_random_uuid() as trace,
            1 + floor(random() * places)::integer as place,
            1 + floor(random() * 100000)::bigint as minor,
            recorded - case when random() < 0.01 then random() * interval '30 days'
              else random() * interval '10 minutes' end as effective,
            'pi_' || lpad((start + i)::text, 26, '0') as subject
          from generate_series(1, batch) i
        ), named as materialized (
          select *, 'ch_' || left(encode(uuid_send(id), 'hex'), 24) as external from item
        )
        select array_agg(id) as ids, array_agg(effective) as effective,
            array_agg(subject) as subjects, array_agg(external) as externals,
            array_agg(uuid_send(trace)) as traces,
            array_agg(place) as places, array_agg(minor) as minors,
            array_agg(sha256(before || uuid_send(id) || uuid_send(merchant)
              || int8send((extract(epoch from effective) * 1000000)::bigint) || '\x01'::bytea
              || bench_text('capture') || bench_text(subject) || bench_text(external)
              || bench_text(actor) || '\x01'::bytea || int4send(16) || uuid_send(trace)
              || after
              || int2send(2::smallint)
              || uuid_send(accounts[place]) || debit || int8send(minor) || none
              || uuid_send(accounts[hot]) || credit || int8send(minor) || none)) as leaves
          into x from named;
        -- Two legs of each item, e / 2.
        select array_agg(e / 2) as items, array_agg((e % 2)::smallint) as positions,
            array_agg(case e % 2 when 0 then x.places[e / 2] else hot end) as accounts,
            array_agg((1 - 2 * (e % 2))::smallint) as sides, array_agg(x.minors[e / 2]) as minors
          into y from generate_series(2, 2 * batch + 1) e;
        perform from write_batch(0::smallint, recorded, x.ids, array_fill(merchant, array[batch]),
          x.effective, array_fill(true, array[batch]), array_fill('capture'::text, array[batch]),
          x.subjects, x.externals, array_fill(actor, array[batch]), x.traces, x.leaves,
          array_fill(null::text, array[batch]), y.items, y.positions, y.accounts, y.sides, y.minors,
          array_fill('EUR'::text, array[2 * batch]), array_fill(null::text, array[2 * batch]),
          accounts,
          case start when 0 then accounts else '{}' end,
          case start when 0 then array_fill(merchant, array[hot]) else '{}' end,
          case start when 0 then array_fill(false, array[hot]) else '{}' end,
          case start when 0 then codes else '{}' end,
          case start when 0 then array_fill('EUR'::text, array[hot]) else '{}' end,
          case start when 0 then array_fill('asset'::text, array[places]) || 'liability'::text
            else '{}' end,
          case start when 0 then array_fill(1::smallint, array[places]) || (-1)::smallint
            else '{}' end,
          case start when 0 then array_fill(actor, array[hot]) else '{}' end,
          '{}', '{}', '{}', '{}', false,
          array_fill('{payment_method}'::text, array[batch]),
          array_fill('{card}'::text, array[batch]));
        if found then
          raise exception 'not all of a batch was booked';
        end if;
        commit;
      end loop;
    end $$;
    """#
}
