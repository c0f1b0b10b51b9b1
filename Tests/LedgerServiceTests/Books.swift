import LedgerCore
import LedgerService
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Testing

/// The ledger's writer on a fresh schema, as the service's own role.
struct Books: Sendable {
  let loop: EventLoop
  let workers: Workers
  let database: PostgresClient
  let clock: ManualClock
  let writer: BatchWriter

  /// A writer with a cache of its own, like another process.
  func anotherWriter() -> BatchWriter {
    Self.makeWriter(loop, workers, database, clock)
  }

  static func with(_ body: @escaping @Sendable (Books) async throws -> Void) async throws {
    let test = try TestDatabase.current
    try await withEventLoop { loop in
      let migrator = Migrator(
        test.settings,
        loop: loop,
        schema: "ledger",
        owner: test.ownerRole,
        migrations: LedgerService.migrations
      )
      _ = try await migrator.migrate()
      try await test.run(
        """
        do $$ begin
          execute format('alter role ledger_service in database %I set search_path = ledger, pg_temp',
            current_database());
        end $$
        """
      )
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      let clock = ManualClock()
      let workers = try Workers()
      let books = Books(
        loop: loop,
        workers: workers,
        database: database,
        clock: clock,
        writer: makeWriter(loop, workers, database, clock)
      )
      do {
        try await onLoop(loop) { try await body(books) }
        await database.shutdown()
      } catch {
        await database.shutdown()
        throw error
      }
    }
  }

  private static func makeWriter(
    _ loop: EventLoop,
    _ workers: Workers,
    _ database: PostgresClient,
    _ clock: ManualClock
  ) -> BatchWriter {
    BatchWriter(
      loop: loop,
      workers: workers,
      database: database,
      clock: TestClock(clock: clock),
      alerts: PostingAlerts(database: database),
      logger: Logger(label: "test")
    )
  }

  // MARK: Postings in few words

  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)

  static let liveMerchant = MerchantID(bits: merchant.bits | 1)

  /// A transaction from account to account.
  static func posting(
    _ id: UInt128,
    _ debit: String = "gateway_clearing:stripe:a",
    _ credit: String = "merchant_payable",
    minor: Int64 = 100,
    currency: String = "EUR",
    kind: String = "capture",
    merchant: MerchantID = merchant,
    subject: String = "",
    effectiveAt: Timestamp = Timestamp(seconds: 1_768_478_400),
    fact: Bool = false
  ) throws -> PendingPosting {
    let command = PostingCommand(
      id: LedgerTransactionID(bits: id),
      merchant: merchant,
      kind: kind,
      entries: [
        PostingEntry(debit, .debit, currencyCode: currency, amountMinor: minor),
        PostingEntry(credit, .credit, currencyCode: currency, amountMinor: minor),
      ],
      effectiveAtMicroseconds: effectiveAt.microseconds,
      subject: subject,
      externalReference: "ch_1",
      recordsFact: fact
    )
    return PendingPosting(
      posting: try PostingRules.check(command),
      actor: "service:intents",
      traceID: [UInt8](repeating: 7, count: 16)
    )
  }

  /// A payment of what is owed to the merchant, held, posted or released; no amount: no legs.
  static func payment(
    _ id: UInt128,
    _ minor: Int64?,
    _ action: PostingAction = .post,
    fact: Bool = false,
    linked: Bool = false,
    kind: String = "merchant_payment",
    debit: String = "merchant_payable",
    credit: String = "bank:a",
    subject: String = "po_1"
  ) throws -> PendingPosting {
    let legs = minor.map { minor in
      [(debit, Side.debit), (credit, .credit)].map { code, side in
        PostingEntry(code, side, currencyCode: "EUR", amountMinor: minor)
      }
    }
    let command = PostingCommand(
      id: LedgerTransactionID(bits: id),
      merchant: merchant,
      kind: kind,
      entries: legs ?? [],
      effectiveAtMicroseconds: 1_768_478_400_000_000,
      subject: subject,
      recordsFact: fact,
      action: action
    )
    return PendingPosting(
      posting: try PostingRules.check(command),
      actor: "operator:ann",
      traceID: nil,
      isLinked: linked
    )
  }

  /// Held from now on for so many seconds of the ledger's clock.
  func hold(seconds: Int64) -> PostingAction {
    .pending(expiresAtMicroseconds: clock.now.microseconds + seconds * 1_000_000)
  }

  /// What an account keeps: debits and credits posted, then held; nil if it does not exist.
  func sums(_ code: String) async throws -> [Int64]? {
    let rows = try await database.query(
      """
      select b.debits_posted_minor, b.credits_posted_minor, b.debits_pending_minor,
        b.credits_pending_minor
      from account a join balance b on b.shard = a.shard and b.account_id = a.id
      where a.merchant_id = \(Self.merchant) and a.code = \(code) and a.currency = 'EUR'
      """
    )
    return try rows.first.map { row in try (0..<4).map { try row[$0, as: Int64.self] } }
  }

  func count(_ table: String) async throws -> Int64 {
    try await database.query(Statement(sql: "select count(*) from \(table)")).single()[
      0,
      as: Int64.self
    ]
  }

  /// The balance of an account on the debit side; nil if it does not exist.
  func balance(_ code: String, _ currency: String = "EUR") async throws -> Int64? {
    let rows = try await database.query(
      """
      select b.debits_posted_minor - b.credits_posted_minor from account a
      join balance b on b.shard = a.shard and b.account_id = a.id
      where a.merchant_id = \(Self.merchant) and a.code = \(code)
        and a.currency = \(currency)::char(3)
      """
    )
    return try rows.first.map { try $0[0, as: Int64.self] }
  }

  /// Whatever happened: chain, balances and sums hold.
  func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let found = try await problems()
    #expect(found == [], sourceLocation: sourceLocation)
  }

  private func problems() async throws -> [String] {
    var problems: [String] = []
    problems += try await findings().map { "\($0.kind.rawValue) \($0.batch): \($0.what)" }
    let sums = try await database.query(
      "select 1 from entry group by sequence, currency having sum(side * amount_minor) <> 0"
    )
    if !sums.isEmpty { problems.append("unbalanced transactions") }
    problems += try await drift().map { "\($0.kind.rawValue) \($0.code)" }
    return problems
  }

  /// What the verifier finds, page after page.
  func findings() async throws -> [BooksFinding] {
    let verifier = BooksVerifier(database: database, workers: workers)
    var findings: [BooksFinding] = []
    var place: BooksVerifier.Place? = .batch(0)
    while let next = place {
      let page = try await verifier.page(next)
      findings += page.findings
      place = page.next
    }
    return findings
  }

  /// What the drift checker finds, page after page.
  func drift() async throws -> [DriftFinding] {
    let checker = DriftChecker(database: database)
    var findings: [DriftFinding] = []
    var place: DriftChecker.Place? = DriftChecker.start
    while let next = place {
      let page = try await checker.page(next)
      findings += page.findings
      place = page.next
    }
    return findings
  }
}

struct TestClock: WallClock {
  let clock: ManualClock
  var now: Timestamp { clock.now }
}
