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

  func perform(in transaction: borrowing Transaction) async throws -> ReconRunRecord {
    let steps = ReconSteps(id, book, settings.fees)
    _ = try await transaction.query(ReconImport.lock(book.account))
    let head = try await transaction.batch([
      ReconSteps.settings(statementMilliseconds: Self.statementMilliseconds),
      // A place, not "now": what is posted meanwhile must be missing on both sides of the control
      // total.
      HistoryStore.end(),
      """
      select 1 where exists (
          select from recon_file
          where gateway = \(book.account.gateway) and account = \(book.account.account)
            and livemode = \(book.isLive))
        -- What is open is to be resolved, also where no report is left (migration 0005).
        or exists (
          select from recon_break
          where gateway = \(book.account.gateway) and account = \(book.account.account)
            and livemode = \(book.isLive) and state <> 'resolved')
      """,
      steps.lastTaken(),
    ])
    guard !head[2].isEmpty else {
      throw RPCFailure.failedPrecondition(
        "NO_REPORT_IMPORTED",
        "No report of this account's \(book.isLive ? "live" : "test") books was imported; see "
          + "`tender recon import`."
      )
    }
    let place = try head[1].single()[0, as: UUIDBits.self]
    let last = try head[3].single()[0, as: UUIDBits.self]
    _ = try await transaction.batch(
      [steps.forget(), steps.takeItems(after: last, through: place)] + steps.setAside()
    )
    try await steps.climb(in: transaction)
    // People's changes of breaks wait from here on.
    let found = try await transaction.batch([
      steps.closeLines(), steps.counts(), steps.totals(through: place), ReconAlerts.lock(book),
      steps.settleBreaks(now.date, dueDays: settings.dueDays, at: now, stamp),
    ])
    let after = try await transaction.batch([
      steps.classes(), ReconBreakStore.open(book, now.date),
    ])
    let (opened, resolved) = try found[4].single().decode((Int64, Int64).self)
    let (lineCount, itemCount) = try found[1].single().decode((Int64, Int64).self)
    let open = try ReconOpenBreaks(try after[1].single())
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
      totals: try found[2].map(Self.total)
    )
    _ = try await transaction.batch([
      insert(record), ReconAlerts.endOfBothBooks(book), ReconAlerts.breaks(book, open),
      ReconAlerts.deviation(book, record.totals),
    ])
    return record
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
      "fees_minor":\($0.feesMinor),"deviation_minor":\($0.deviationMinor)}
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
