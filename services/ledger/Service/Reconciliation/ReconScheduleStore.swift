import LedgerCore
import Money
import Postgres

/// A row of `recon_schedule`, with the present: all times are the database's.
struct ReconScheduleRecord: Sendable {
  var book: ReconBook
  var startedAt: Timestamp?
  var run: ReconRunID?
  var failure: String
  var entry: ReconTimetable.Entry
  var readAt: Timestamp

  /// A row of `ReconScheduleStore.list`.
  init(_ row: Row) throws {
    book = ReconBook(
      GatewayAccount(gateway: try row[0, as: String.self], account: try row[1, as: String.self]),
      isLive: try row[2, as: Bool.self]
    )
    startedAt = try row[4, as: Timestamp?.self]
    run = try row[5, as: ReconRunID?.self]
    failure = try row[8, as: String.self]
    entry = ReconTimetable.Entry(
      requestedAt: try row[3, as: Timestamp?.self],
      startedAt: startedAt,
      triedAt: try row[6, as: Timestamp?.self],
      failures: Int(try row[7, as: Int32.self])
    )
    readAt = try row[9, as: Timestamp.self]
  }
}

/// The SQL of the schedule.
enum ReconScheduleStore {
  /// Books with reports; there are as many as accounts at gateways.
  static let booksMax: Int64 = 1_000

  private static let columns = """
    gateway, account, livemode, requested_at, started_at, run_id, tried_at, failures, failure,
    clock_timestamp()
    """

  static func list() -> Statement {
    """
    select \(raw: columns) from recon_schedule order by gateway, account, livemode
    limit \(booksMax)
    """
  }

  static func load(_ book: ReconBook) -> Statement {
    """
    select \(raw: columns) from recon_schedule where gateway = \(book.account.gateway)
      and account = \(book.account.account) and livemode = \(book.isLive)
    """
  }

  /// A run has ended well that had begun then.
  static func succeeded(_ book: ReconBook, _ run: ReconRunID, since start: Timestamp) -> Statement {
    """
    update recon_schedule set started_at = \(start), run_id = \(run), tried_at = null, failures = 0,
      failure = ''
    where gateway = \(book.account.gateway) and account = \(book.account.account)
      and livemode = \(book.isLive) and (started_at is null or started_at < \(start))
    """
  }

  /// Answers how many have failed in a row.
  static func failed(_ book: ReconBook, _ why: String) -> Statement {
    """
    update recon_schedule set tried_at = clock_timestamp(), failures = failures + 1,
      failure = \(why)
    where gateway = \(book.account.gateway) and account = \(book.account.account)
      and livemode = \(book.isLive)
    returning failures
    """
  }
}
