import LedgerCore
import Money
import Postgres
import ServiceKit

/// A row of `recon_seal`, with what has come of it.
struct ReconSealRecord: Sendable {
  var book: ReconBook
  var number: Int64
  var day: CivilDate
  var booksRoot: [UInt8]
  var run: ReconRunID
  var lineCount: Int64
  var itemCount: Int64
  var acceptedBreaks: Int64
  var sealedAt: Timestamp
  var actor: String
  /// Of the newest: the first day that it holds for no longer.
  var reopenedFrom: CivilDate?

  /// A row of `ReconSealStore.seals` or `newest`.
  init(_ row: Row) throws {
    book = ReconBook(
      GatewayAccount(gateway: try row[0, as: String.self], account: try row[1, as: String.self]),
      isLive: try row[2, as: Bool.self]
    )
    number = try row[3, as: Int64.self]
    day = try row[4, as: CivilDate.self]
    booksRoot = try row[5, as: [UInt8].self]
    run = try row[6, as: ReconRunID.self]
    lineCount = try row[7, as: Int64.self]
    itemCount = try row[8, as: Int64.self]
    acceptedBreaks = try row[9, as: Int64.self]
    sealedAt = try row[10, as: Timestamp.self]
    actor = try row[11, as: String.self]
    reopenedFrom = try row[12, as: CivilDate?.self]
  }
}

/// The SQL of seals of reconciled days. Those who write hold the account's turn (`ReconTurn`).
enum ReconSealStore {
  /// Of one page.
  static let pageMax: Int64 = 100
  /// Books with a seal; there are as many as accounts at gateways.
  static let booksMax: Int64 = 1_000

  private static func columns(reopened: String) -> String {
    """
    s.gateway, s.account, s.livemode, s.number, s.day, d.root, s.run_id, r.line_count, r.item_count,
      s.accepted_breaks, s.sealed_at, s.actor, \(reopened)
    """
  }

  /// A break `b` with its item, if that is open: it is of the earlier of their days.
  private static let breaks = """
    recon_break b left join recon_open_item i on i.gateway = b.gateway and i.account = b.account
      and i.livemode = b.livemode and i.shard = b.shard and i.sequence = b.sequence
      and i.currency = b.item_currency
    """
  private static let breakDay = "least(b.occurred_on, i.effective_on)"
  private static let isOpenBreak = "b.state not in ('resolved', 'accepted')"

  /// Of an open item: it waits for a report.
  private static let isAwaited = """
    \(ReconSteps.isOpenItem) and not \(ReconSteps.hasBreak) and not \(ReconSteps.asksForNoLine)
    """

  /// The first day that a seal holds for no longer: that of a report that came later; and, while they are
  /// open, those of bookings that wait for a report, and of breaks.
  private static let reopened = """
    least(
      (select min(f.first_day) from recon_file f where f.gateway = s.gateway
        and f.account = s.account and f.livemode = s.livemode and f.number > s.last_file
        and f.first_day <= s.day),
      (select min(i.effective_on) from recon_open_item i where i.gateway = s.gateway
        and i.account = s.account and i.livemode = s.livemode and i.effective_on <= s.day
        and \(isAwaited)),
      (select min(\(breakDay)) from \(breaks) where b.gateway = s.gateway
        and b.account = s.account and b.livemode = s.livemode and \(isOpenBreak)
        and \(breakDay) <= s.day))
    """

  /// Parameters 1 to 3 of each statement are the book's.
  private static func isOf(_ table: String) -> String {
    "\(table).gateway = $1 and \(table).account = $2 and \(table).livemode = $3"
  }

  /// Of the books: the first that comes after the day `$4`.
  private static let firstSeal = "from day_seal d where d.day >= $4 order by d.number limit 1"

  private static func from(_ seals: String) -> String {
    """
    from \(seals) s join day_seal d on d.number = s.books_number join recon_run r on r.id = s.run_id
    """
  }

  static func newest(_ book: ReconBook) -> Statement {
    Statement(
      sql: """
        select \(columns(reopened: reopened)) \(from("recon_seal"))
        where \(isOf("s")) order by s.number desc limit 1
        """,
      book.account.gateway,
      book.account.account,
      book.isLive
    )
  }

  private static let newestOfEach = """
    (select distinct on (gateway, account, livemode) * from recon_seal
      order by gateway, account, livemode, number desc limit \(booksMax))
    """

  static func newest() -> Statement {
    """
    select \(raw: columns(reopened: reopened)) \(raw: from(newestOfEach))
    order by s.gateway, s.account, s.livemode
    """
  }

  /// Newest first. What came later is told of the newest alone.
  static func seals(_ book: ReconBook, before number: Int64) -> Statement {
    let isNewest = """
      case when s.number = (select max(n.number) from recon_seal n where \(isOf("n")))
        then \(reopened) end
      """
    return Statement(
      sql: """
        select \(columns(reopened: isNewest)) \(from("recon_seal"))
        where \(isOf("s")) and s.number < $4 order by s.number desc limit \(pageMax)
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      number
    )
  }

  /// Whether the books' own day is sealed.
  static func isBooksDaySealed(_ day: CivilDate) -> Statement {
    "select exists (select from day_seal where day >= \(day))"
  }

  /// One row: the last day that a report reaches to, what is awaited, and which breaks are open.
  static func look(_ book: ReconBook, through day: CivilDate) -> Statement {
    Statement(
      sql: """
        select (select max(f.last_day) from recon_file f where \(isOf("f"))),
          (select count(*) from recon_open_item i where \(isOf("i")) and i.effective_on <= $4
            and \(isAwaited)),
          (select count(*) from \(breaks) where \(isOf("b")) and \(isOpenBreak)
            and \(breakDay) <= $4)
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      day
    )
  }

  static func state(
    _ row: Row,
    after run: ReconRunRecord
  ) throws(PostgresError) -> ReconSealState {
    ReconSealState(
      reportedThrough: try row[0, as: CivilDate?.self],
      totalsAgree: run.totals.allSatisfy { $0.deviationMinor == 0 },
      awaitedCount: try row[1, as: Int64.self],
      openBreakCount: try row[2, as: Int64.self]
    )
  }

  /// The trigger `proved` accepts it, or not.
  static func insert(
    _ book: ReconBook,
    through day: CivilDate,
    after run: ReconRunID,
    _ stamp: Stamp
  ) -> Statement {
    Statement(
      sql: """
        insert into recon_seal (gateway, account, livemode, number, day, books_number, run_id,
          accepted_breaks, last_file, actor, trace_id)
        select $1, $2, $3,
          1 + coalesce((select max(s.number) from recon_seal s where \(isOf("s"))), 0), $4,
          coalesce((select d.number \(firstSeal)), 0), $5,
          (select count(*) from \(breaks) where \(isOf("b")) and b.state = 'accepted'
            and \(breakDay) <= $4),
          coalesce((select max(f.number) from recon_file f where \(isOf("f"))), 0), $6, $7
        """,
      book.account.gateway,
      book.account.account,
      book.isLive,
      day,
      run,
      stamp.actor,
      stamp.traceID
    )
  }
}
