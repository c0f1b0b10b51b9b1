import LedgerService
import Money
import Postgres
import TestSupport
import Testing
import Wire

/// Books and reports of the release that mixed live and test are parted.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationMigrationTests {
  /// Of account `mixed` a test item answers a line of the live report; of `plain` all is test.
  private static let before = """
    set search_path = ledger;
    insert into recon_file (id, gateway, account, kind, sha256, content_sha256, bytes, line_count,
        first_day, last_day, imported_at, actor, trace_id)
      select lpad(n::text, 32, '0')::uuid, 'stripe', account, 'payout_reconciliation',
        sha256(account::bytea), sha256(account::bytea), 1, 2, '2026-11-01', '2026-11-01', now(), 'a',
        'x'
      from (values (1, 'mixed'), (2, 'plain')) v(n, account);
    insert into recon_line (file_id, line, gateway, account, type, type_text, movement_reference,
        source_references, payment_reference, movement_ids, batch, booked_at, booked_on, currency,
        gross_minor, fee_minor, net_currency, net_minor, adds, others)
      select f.id, n, 'stripe', f.account, 'captured', 'charge', 't' || n, '{}', 'pi_' || n, '{}',
        'po_1', '2026-11-01', '2026-11-01', 'EUR', 100, 5, 'EUR', 95, true, '{}'
      from recon_file f, generate_series(2, 3) n;
    insert into recon_item (shard, sequence, currency, gateway, account, transaction_id, merchant_id,
        livemode, kind, external_reference, amount_minor, effective_on)
      select 0, lpad(n::text, 32, '0')::uuid, 'EUR', 'stripe', account, lpad(n::text, 32, '0')::uuid,
        lpad(n::text, 32, '0')::uuid, live, 'capture', reference, 100, '2026-11-01'
      from (values (1, 'mixed', true, 'pi_2'), (2, 'mixed', false, 'pi_3'), (3, 'plain', false, 'pi_2'))
        v(n, account, live, reference);
    insert into recon_match (file_id, line, gateway, account, class, rung, shard, sequence, currency)
      select l.file_id, l.line, l.gateway, l.account, 'matched', 3, i.shard, i.sequence, i.currency
      from recon_line l join recon_item i
        on i.account = l.account and i.external_reference = l.payment_reference;
    insert into recon_match (file_id, line, gateway, account, class)
      select file_id, line, gateway, account, 'missing_internal' from recon_line l
      where account = 'plain' and line = 3;
    insert into recon_break (id, gateway, account, class, file_id, line, currency, reported_minor,
        occurred_on, state, opened_at, updated_at, actor, trace_id)
      select lpad('9', 32, '0')::uuid, gateway, account, 'missing_internal', file_id, line, 'EUR', 100,
        '2026-11-01', 'opened', now(), now(), 'a', 'x'
      from recon_line where account = 'plain' and line = 3;
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
          "select account || ' ' || livemode from recon_file order by account"
        ) == ["mixed true", "plain false"]
      )
      #expect(
        try await column(
          """
          select m.account || ' ' || m.line || ' ' || m.livemode || ' ' || m.class
          from recon_match m order by 1
          """
        ) == ["mixed 2 true matched", "plain 2 false matched", "plain 3 false missing_internal"]
      )
      #expect(
        try await column(
          "select account || ' ' || line || ' ' || livemode from recon_open_line order by 1"
        ) == ["mixed 3 true", "plain 3 false"]
      )
      #expect(
        try await column(
          "select account || ' ' || external_reference || ' ' || livemode from recon_open_item"
        ) == ["mixed pi_3 false"]
      )
      #expect(try await column("select livemode::text from recon_break") == ["false"])
      var recon = try ReconCalls(books, fees: "")
      try await recon.expectSoundSets()
      recon.account = .init(gateway: "stripe", account: "plain")
      let run = try await recon.run(key: "run-1")
      #expect(run.lineCount == 2 && run.itemCount == 1 && run.breaksOpened == 0)
      recon.account = .init(gateway: "stripe", account: "mixed")
      #expect(
        try await recon.live.run(key: "run-2").classes.map(\.reconClass) == [
          .matched, .missingInternal,
        ]
      )
      try await recon.expectSoundSets()
    }
  }
}
