import LedgerCore
import LedgerService
import Money
import Postgres
import TestSupport
import Testing
import Wire

/// Books and reports of the release that mixed live and test are parted.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationMigrationTests {
  /// File 1 of account `mixed` has met two live items and a test one, file 2 a test one alone, file 3
  /// none; all of account `plain` is test. A break at a line of file 1, one at a test item, one of
  /// `plain`.
  private static let before = """
    set search_path = ledger;
    insert into recon_file (id, gateway, account, kind, sha256, content_sha256, bytes, line_count,
        first_day, last_day, imported_at, actor, trace_id)
      select lpad(n::text, 32, '0')::uuid, 'stripe', account, 'payout_reconciliation',
        sha256(n::text::bytea), sha256(n::text::bytea), 1, lines, '2026-11-01', '2026-11-01', now(),
        'a', 'x'
      from (values (1, 'mixed', 3), (2, 'mixed', 1), (3, 'mixed', 1), (4, 'plain', 2))
        v(n, account, lines);
    insert into recon_line (file_id, line, gateway, account, type, type_text, movement_reference,
        source_references, payment_reference, movement_ids, batch, booked_at, booked_on, currency,
        gross_minor, fee_minor, net_currency, net_minor, adds, others)
      select f.id, n + 1, 'stripe', f.account, 'captured', 'charge', 't' || n, '{}',
        'pi_' || right(f.id::text, 1) || n, '{}', 'po_1', '2026-11-01', '2026-11-01', 'EUR', 100, 5,
        'EUR', 95, true, '{}'
      from recon_file f, generate_series(1, f.line_count) n;
    insert into recon_item (shard, sequence, currency, gateway, account, transaction_id, merchant_id,
        livemode, kind, external_reference, amount_minor, effective_on)
      select 0, lpad(n::text, 32, '0')::uuid, 'EUR', 'stripe', account, lpad(n::text, 32, '0')::uuid,
        lpad(n::text, 32, '0')::uuid, live, 'capture', reference, amount, '2026-11-01'
      from (values (1, 'mixed', true, 'pi_11', 100), (2, 'mixed', false, 'pi_12', 100),
          (3, 'mixed', true, 'pi_13', 90), (4, 'mixed', false, 'pi_21', 100),
          (5, 'mixed', false, 'pi_none', 100), (6, 'plain', false, 'pi_41', 100))
        v(n, account, live, reference, amount);
    insert into recon_match (file_id, line, gateway, account, class, rung, shard, sequence, currency)
      select l.file_id, l.line, l.gateway, l.account,
        case when i.amount_minor = 100 then 'matched' else 'amount_mismatch' end, 3, i.shard,
        i.sequence, i.currency
      from recon_line l join recon_item i
        on i.account = l.account and i.external_reference = l.payment_reference;
    insert into recon_match (file_id, line, gateway, account, class)
      select file_id, line, gateway, account, 'missing_internal' from recon_line
      where payment_reference in ('pi_31', 'pi_42');
    insert into recon_break (id, gateway, account, class, file_id, line, currency, reported_minor,
        occurred_on, state, opened_at, updated_at, actor, trace_id, livemode)
      select gen_random_uuid(), gateway, account, class, file_id, line, 'EUR', 100, '2026-11-01',
        'opened', now(), now(), 'a', 'x', null
      from recon_match where class <> 'matched';
    insert into recon_break (id, gateway, account, class, shard, sequence, item_currency, livemode,
        currency, booked_minor, occurred_on, state, opened_at, updated_at, actor, trace_id)
      select gen_random_uuid(), gateway, account, 'missing_external', shard, sequence, currency,
        livemode, 'EUR', 100, '2026-11-01', 'opened', now(), now(), 'a', 'x'
      from recon_item where external_reference = 'pi_none';
    insert into account (shard, id, merchant_id, livemode, code, currency, kind, normal_side,
        created_at, actor)
      values (0, gen_random_uuid(), gen_random_uuid(), true, 'gateway_clearing:stripe:mixed', 'EUR',
        'asset', 1, now(), 'a');
    insert into alert (dedup_key, id, severity, kind, subject, message, actor)
      values ('reconciliation_breaks:stripe:mixed', gen_random_uuid(), 'critical',
        'reconciliation_breaks', 'stripe:mixed', 'x', 'a');
    """

  @Test func whatWasMixedIsParted() async throws {
    let test = try TestDatabase.current
    try await withEventLoop { loop in
      let migrator = Migrator(
        test.settings,
        loop: loop,
        schema: "ledger",
        owner: test.ownerRole,
        migrations: Array(LedgerService.migrations.prefix(4))
      )
      _ = try await migrator.migrate()
    }
    try await test.run(Self.before)
    try await Books.with { books in
      func column(_ sql: String) async throws -> [String] {
        try await books.database.query(Statement(sql: sql)).column(as: String.self)
      }
      #expect(
        try await column(
          "select right(id::text, 1) || ' ' || livemode from recon_file order by 1"
        ) == ["1 true", "2 false", "3 true", "4 false"]
      )
      #expect(
        try await column(
          """
          select right(file_id::text, 1) || ' ' || line || ' ' || livemode || ' ' || class
          from recon_match order by 1
          """
        ) == [
          "1 2 true matched", "1 4 true amount_mismatch", "2 2 false matched",
          "3 2 true missing_internal", "4 2 false matched", "4 3 false missing_internal",
        ]
      )
      #expect(
        try await column(
          "select right(file_id::text, 1) || ' ' || line || ' ' || livemode from recon_open_line order by 1"
        ) == ["1 3 true", "1 4 true", "3 2 true", "4 3 false"]
      )
      #expect(
        try await column(
          "select external_reference || ' ' || livemode from recon_open_item order by 1"
        ) == ["pi_12 false", "pi_13 true", "pi_none false"]
      )
      #expect(
        try await column(
          """
          select account || ' ' || class || ' ' || livemode from recon_break order by 1
          """
        ) == [
          "mixed amount_mismatch true", "mixed missing_external false",
          "mixed missing_internal true", "plain missing_internal false",
        ]
      )
      #expect(
        try await column(
          """
          select account || ' ' || livemode || ' ' || line_count || ' ' || lines_minor || ' '
            || fees_minor || ' ' || item_count || ' ' || items_minor
          from recon_total order by 1
          """
        ) == ["mixed false 1 100 5 1 100", "mixed true 1 100 5 1 100", "plain false 1 100 5 1 100"]
      )
      // Files that had no number are in the order of their ids, the next one is behind them.
      #expect(
        try await column("select right(id::text, 1) || ' ' || number from recon_file order by id")
          == ["1 1", "2 2", "3 3", "4 4"]
      )
      #expect(try await books.count("alert") == 1)
      #expect(try await column("select state from alert") == ["resolved"])
      books.clock.set(ReconciliationTests.today)
      var recon = try ReconCalls(books, fees: "")
      try await recon.expectSoundSets()
      recon.account = .init(gateway: "stripe", account: "plain")
      let run = try await recon.run(key: "run-1")
      #expect(run.lineCount == 2 && run.itemCount == 1 && run.breaksOpened == 0)
      recon.account = .init(gateway: "stripe", account: "mixed")
      #expect(
        try await recon.live.run(key: "run-2").classes.map(\.reconClass) == [
          .amountMismatch, .matched, .missingInternal,
        ]
      )
      // The line that had met a test item, and nothing else is new.
      #expect(try await recon.live.breaks().breaks.count == 3)
      #expect(try await recon.run(key: "run-3").breaksOpened == 1)
      let line = ReconCalls.line("t9", "charge", "ch_9", "pi_9", 100)
      try await recon.live.importing(ReconCalls.header + line, key: "import-5")
      #expect(try await column("select max(number)::text from recon_file") == ["5"])
      try await recon.expectSoundSets()
    }
  }
}
