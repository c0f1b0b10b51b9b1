import LedgerCore
import Money
import Postgres
import ServiceKit

/// What a run found.
struct ReconRunRecord: Sendable {
  var id: ReconRunID
  var book: ReconBook
  var day: CivilDate
  var lineCount: Int64
  var itemCount: Int64
  var opened: Int64
  var resolved: Int64
  var open: Int64
  var classes: [(reconClass: ReconClass, count: Int64)]
  var totals: [ControlTotal]
  /// What was booked before the comparison that it is the result of.
  var booked = ReconBooked()
}

/// One comparison of the books with the reports of a book, within one transaction.
struct ReconRun: Sendable {
  /// Of each statement; the run as a whole has `ReconciliationHandler.runLimitSeconds`.
  static let statementMilliseconds: Int64 = 120_000

  let id: ReconRunID
  let book: ReconBook
  let settings: ReconSettings
  let now: Timestamp
  let stamp: Stamp

  private var steps: ReconSteps { ReconSteps(id, book, settings.fees) }
  private var limit: Statement {
    ReconSteps.limit(
      statementMilliseconds: ReconTurn.statementMilliseconds(of: Self.statementMilliseconds)
    )
  }

  /// Gives every open line its class, and answers up to which place of the books. Opens no break.
  ///
  /// - Throws: `RECONCILIATION_RUNNING`.
  @discardableResult
  func match(in transaction: borrowing Transaction) async throws -> UUIDBits {
    try await ReconTurn.take(book.account, in: transaction)
    let head = try await transaction.batch([
      limit, ReconSteps.settings(),
      // A place, not "now": what is posted meanwhile must be missing on both sides of the control
      // total.
      HistoryStore.end(), steps.lastTaken(),
    ])
    let place = try head[2].single()[0, as: UUIDBits.self]
    let last = try head[3].single()[0, as: UUIDBits.self]
    _ = try await transaction.batch(
      [steps.forget(), steps.takeItems(after: last, through: place)] + steps.setAside()
    )
    _ = try await transaction.query(limit)
    try await steps.climb(in: transaction)
    _ = try await transaction.batch([limit, steps.closeLines()])
    return place
  }

  /// Compares, and says what is wrong.
  ///
  /// - Throws: `NO_REPORT_IMPORTED`, `RECONCILIATION_RUNNING`.
  func perform(
    in transaction: borrowing Transaction,
    after booked: ReconBooked = ReconBooked()
  ) async throws -> ReconRunRecord {
    guard let began = try await transaction.query(isThereAnything()).first else {
      throw RPCFailure.failedPrecondition(
        "NO_REPORT_IMPORTED",
        "No report of this account's \(book.isLive ? "live" : "test") books was imported; see "
          + "`tender recon import`."
      )
    }
    let place = try await match(in: transaction)
    let counts = try await transaction.batch([limit, steps.counts()])
    // People's changes of breaks wait from here on.
    do throws(PostgresError) {
      _ = try await transaction.query(ReconAlerts.lock(book))
    } catch {
      throw ReconTurn.refusal(error)
    }
    let settled = try await transaction.query(
      steps.settleBreaks(now.date, dueDays: settings.dueDays, at: now, stamp)
    )
    let after = try await transaction.batch([
      steps.classes(), ReconBreakStore.open(book, now.date), steps.totals(through: place),
      ReconBookings(book).unbookedFees(), ReconBookings(book).unbookedPayouts(),
    ])
    let (opened, resolved) = try settled.single().decode((Int64, Int64).self)
    let (lineCount, itemCount) = try counts[1].single().decode((Int64, Int64).self)
    let open = try ReconOpenBreaks(try after[1].single())
    let fees = Dictionary(
      try after[3].decode((String, Int64).self).map { ($0.0, $0.1) }
    ) { $0 + $1 }
    let record = ReconRunRecord(
      id: id,
      book: book,
      day: now.date,
      lineCount: lineCount,
      itemCount: itemCount,
      opened: opened,
      resolved: resolved,
      open: open.count,
      classes: try after[0].decode((String, Int64).self).compactMap { word, count in
        ReconClass(rawValue: word).map { ($0, count) }
      },
      totals: try after[2].map { row in
        var total = try Self.total(row)
        total.unbookedFeesMinor = fees[total.currency.code] ?? 0
        return total
      },
      booked: booked
    )
    let (payouts, payout) = try after[4].single().decode((Int64, String).self)
    _ = try await transaction.batch([
      insert(record), ReconAlerts.endOfBothBooks(book), ReconAlerts.breaks(book, open),
      ReconAlerts.deviation(book, record.totals), ReconAlerts.compared(book),
      // Where runs book nothing, people do, each in their time.
      ReconAlerts.payouts(book, unbooked: settings.booksReports ? payouts : 0, such: payout),
      ReconScheduleStore.succeeded(book, id, since: try began[0, as: Timestamp.self]),
    ])
    return record
  }

  /// The database's time; no row: neither a report nor a break.
  private func isThereAnything() -> Statement {
    """
    select clock_timestamp() where exists (
        select from recon_file
        where gateway = \(book.account.gateway) and account = \(book.account.account)
          and livemode = \(book.isLive))
      -- What is open is to be resolved, also where no report is left (migration 0005).
      or exists (
        select from recon_break
        where gateway = \(book.account.gateway) and account = \(book.account.account)
          and livemode = \(book.isLive) and state <> 'resolved')
    """
  }

  private static func total(_ row: Row) throws(PostgresError) -> ControlTotal {
    guard let currency = Currency(try row[0, as: String.self]) else {
      throw PostgresError(.decoding, "a clearing account is in an unknown currency")
    }
    return ControlTotal(
      currency: currency,
      clearingBalanceMinor: try row[1, as: Int64.self],
      openItemsMinor: try row[2, as: Int64.self],
      pairedItemsMinor: try row[3, as: Int64.self],
      pairedLinesMinor: try row[4, as: Int64.self],
      unbookedLinesMinor: try row[5, as: Int64.self],
      feesMinor: try row[6, as: Int64.self]
    )
  }

  /// The table refuses it while a line has no class.
  private func insert(_ run: ReconRunRecord) -> Statement {
    let classes = run.classes.map { "\"\($0.reconClass.rawValue)\":\($0.count)" }
    let totals = run.totals.map {
      """
      {"currency":"\($0.currency)","clearing_balance_minor":\($0.clearingBalanceMinor),\
      "open_items_minor":\($0.openItemsMinor),"paired_items_minor":\($0.pairedItemsMinor),\
      "paired_lines_minor":\($0.pairedLinesMinor),"unbooked_lines_minor":\($0.unbookedLinesMinor),\
      "fees_minor":\($0.feesMinor),"unbooked_fees_minor":\($0.unbookedFeesMinor),\
      "deviation_minor":\($0.deviationMinor)}
      """
    }
    return """
      insert into recon_run (id, gateway, account, livemode, day, line_count, item_count, breaks_opened,
        breaks_resolved, breaks_open, classes, totals, ran_at, actor, trace_id)
      values (\(run.id), \(book.account.gateway), \(book.account.account), \(book.isLive),
        \(run.day), \(run.lineCount), \(run.itemCount), \(Int32(clamping: run.opened)),
        \(Int32(clamping: run.resolved)), \(Int32(clamping: run.open)), \("{" + classes.joined(separator: ",") + "}")::text::jsonb,
        \("[" + totals.joined(separator: ",") + "]")::text::jsonb, \(now), \(stamp.actor),
        \(stamp.traceID))
      """
  }
}
