import Money

/// Books that exist for one bench, with the ledger's own schema: as it is, or with tables that are
/// not partitioned.
struct BooksDatabase: Sendable {
  let name: String
  let isPartitioned: Bool
  let database: BenchDatabase
  let deployment: Deployment

  /// Captures booked by one call of `load`.
  struct Load: Sendable {
    var seconds: Double
    var walBytes: Double
  }

  /// Bytes of all tables.
  struct Size: Sendable {
    var heap: Double
    var indexes: Double
  }

  /// Replaces what an interrupted bench has left.
  func make() async throws {
    try await drop()
    try await database.sql("create database \(name)")
    try await database.script(
      """
      create schema ledger authorization ledger_owner;
      grant usage on schema ledger to ledger_service;
      """, in: name)
    try await LedgerReplicas.migrate(name, deployment)
    try await database.script(
      isPartitioned ? Self.monthsOfAYear : Self.withoutPartitions, in: name)
    try await database.script(
      "set search_path = ledger;\n" + BooksLoad.procedure, in: name)
  }

  func drop() async throws {
    try await database.sql("drop database if exists \(name) with (force)")
  }

  /// Books captures through `write_batch`, a commit for each thousand.
  /// - Parameters:
  ///   - range: of the captures' numbers among `total`.
  ///   - began: the first is recorded at this second of the Unix time, the last at `ended`.
  func load(
    _ range: Range<Int>, of total: Int, for merchant: MerchantID, from began: Int64, to ended: Int64
  ) async throws -> Load {
    let start = MonotonicClock.microseconds
    let text = try await database.script(
      """
      set search_path = ledger;
      select pg_current_wal_insert_lsn() as begun \\gset
      call bench_load('\(Self.hexadecimal(merchant))', \(range.lowerBound), \(range.count), \
      \(total), to_timestamp(\(began)), to_timestamp(\(ended)));
      select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'begun')::bigint;
      """, in: name)
    guard let wal = Self.numbers(text).last else { throw Self.unreadable }
    return Load(
      seconds: Double(MonotonicClock.microseconds - start) / 1e6, walBytes: Double(wal))
  }

  func size() async throws -> Size {
    let text = try await database.script(
      """
      select coalesce(sum(pg_table_size(oid)), 0)::bigint,
        coalesce(sum(pg_indexes_size(oid)), 0)::bigint
      from pg_class where relnamespace = 'ledger'::regnamespace and relkind = 'r'
      """, in: name)
    let numbers = Self.numbers(text)
    guard numbers.count == 2 else { throw Self.unreadable }
    return Size(heap: Double(numbers[0]), indexes: Double(numbers[1]))
  }

  /// Debits and credits of an account as of instants, summed over its entries.
  func sums(
    of account: String, recorded: Int64?, effective: Int64?
  ) async throws -> (debitsMinor: Int64, creditsMinor: Int64) {
    func instant(_ milliseconds: Int64) -> String {
      "timestamptz 'epoch' + \(milliseconds) * interval '1 millisecond'"
    }
    var conditions = ["account_id = (select id from ledger.account where code = '\(account)')"]
    if let recorded {
      conditions.append(
        """
        sequence <= (select last_sequence from ledger.batch
          where recorded_at <= \(instant(recorded)) order by number desc limit 1)
        """)
    }
    if let effective { conditions.append("effective_at <= \(instant(effective))") }
    let text = try await database.script(
      """
      select coalesce(sum(amount_minor) filter (where side = 1), 0)::bigint,
        coalesce(sum(amount_minor) filter (where side = -1), 0)::bigint
      from ledger.entry where \(conditions.joined(separator: " and "))
      """, in: name)
    let numbers = Self.numbers(text)
    guard numbers.count == 2 else { throw Self.unreadable }
    return (numbers[0], numbers[1])
  }

  private static func hexadecimal(_ merchant: MerchantID) -> String {
    let text = String(merchant.bits, radix: 16)
    return String(repeating: "0", count: 32 - text.utf8.count) + text
  }

  private static func numbers(_ text: String) -> [Int64] {
    text.split { $0.isWhitespace || $0 == "|" }.compactMap { Int64($0) }
  }

  private static let unreadable = Failure("psql printed no numbers", next: "")

  private static let monthsOfAYear =
    "select ledger.make_partitions(now() - interval '366 days', 13);"

  /// Puts tables of the same columns, checks, indexes and triggers in the place of those that are
  /// partitioned.
  private static let withoutPartitions = """
    set role ledger_owner;
    set search_path = ledger;
    do $$
    declare
      parent text;
      made record;
    begin
      foreach parent in array array['transaction', 'entry'] loop
        execute format('alter table %I rename to %I', parent, parent || '_parted');
        execute format('create table %I (like %I including all)', parent, parent || '_parted');
        for made in
          select pg_get_triggerdef(oid) as text from pg_trigger
          where tgrelid = format('%I', parent || '_parted')::regclass and not tgisinternal
        loop
          execute replace(made.text, parent || '_parted', parent);
        end loop;
        execute format('drop table %I', parent || '_parted');
      end loop;
    end $$;
    """
}
