import LedgerCore
import Money
import Outbox
import Postgres
import ServiceKit

/// What a run found.
struct ReconRunRecord: Sendable {
  var id: ReconRunID
  var account: GatewayAccount
  var day: CivilDate
  var lineCount: Int64
  var itemCount: Int64
  var opened: Int64
  var resolved: Int64
  var open: Int64
  var classes: [(reconClass: ReconClass, count: Int64)]
  var totals: [ControlTotal]
}

/// One comparison of the books with the reports of an account, within one transaction.
struct ReconRun: Sendable {
  static let breaksAlert = "reconciliation_breaks"
  static let deviationAlert = "reconciliation_out_of_balance"

  let id: ReconRunID
  let account: GatewayAccount
  let settings: ReconSettings
  let now: Timestamp
  let stamp: Stamp

  func perform(in transaction: borrowing Transaction) async throws -> ReconRunRecord {
    let steps = ReconSteps(account, settings.fees)
    _ = try await transaction.query(ReconImport.lock(account))
    let head = try await transaction.batch([
      // A place, not "now": what is posted meanwhile must be missing on both sides of the control
      // total.
      HistoryStore.end(),
      """
      select 1 from recon_file
      where gateway = \(account.gateway) and account = \(account.account) limit 1
      """,
    ])
    guard !head[1].isEmpty else {
      throw RPCFailure.failedPrecondition(
        "NO_REPORT_IMPORTED",
        "No report of this account was imported; see `tender recon import`."
      )
    }
    let place = try head[0].single()[0, as: UUIDBits.self]
    _ = try await transaction.batch(
      [steps.forget(), steps.takeItems(through: place)] + steps.setAside()
        + MatchLadder.steps.map { steps.pair($0) } + [steps.closeLines()]
    )
    let found = try await transaction.batch([
      steps.settleBreaks(now.date, dueDays: settings.dueDays, at: now, stamp), steps.counts(),
      steps.totals(through: place),
    ])
    let after = try await transaction.batch([steps.classes(), steps.openBreaks(now.date)])
    let (opened, resolved) = try found[0].single().decode((Int64, Int64).self)
    let (lineCount, itemCount) = try found[1].single().decode((Int64, Int64).self)
    let (open, critical, earliest) = try after[1].single().decode(
      (Int64, Int64, CivilDate?).self
    )
    let record = ReconRunRecord(
      id: id,
      account: account,
      day: now.date,
      lineCount: lineCount,
      itemCount: itemCount,
      opened: opened,
      resolved: resolved,
      open: open,
      classes: try after[0].decode((String, Int64).self).compactMap { word, count in
        ReconClass(rawValue: word).map { ($0, count) }
      },
      totals: try found[2].map(Self.total)
    )
    _ = try await transaction.batch(
      [insert(record), alert(open: open, critical: critical, earliest)]
        + [deviation(record.totals)]
    )
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
      insert into recon_run (id, gateway, account, day, line_count, item_count, breaks_opened,
        breaks_resolved, breaks_open, classes, totals, ran_at, actor, trace_id)
      values (\(run.id), \(account.gateway), \(account.account), \(run.day), \(run.lineCount),
        \(run.itemCount), \(Int32(clamping: run.opened)), \(Int32(clamping: run.resolved)),
        \(Int32(clamping: run.open)), \("{" + classes.joined(separator: ",") + "}")::text::jsonb,
        \("[" + totals.joined(separator: ",") + "]")::text::jsonb, \(now), \(stamp.actor),
        \(stamp.traceID))
      """
  }

  private var subject: String { "\(account.gateway):\(account.account)" }

  /// One alert for the account, while breaks ask for somebody.
  private func alert(open: Int64, critical: Int64, _ earliest: CivilDate?) -> Statement {
    guard open > 0 else {
      return Alerts.resolve(
        dedupKeys: ["\(Self.breaksAlert):\(subject)"],
        actor: PostingAlerts.actor
      )
    }
    let since = earliest.map { " since \($0)" } ?? ""
    return Alerts.raise(
      Alert(
        critical > 0 ? .critical : .warning,
        kind: Self.breaksAlert,
        subject: subject,
        message: "Books and reports of \(subject) differ: \(open) breaks\(since), \(critical) of "
          + "them critical. See `tender recon breaks`.",
        actor: PostingAlerts.actor
      )
    )
  }

  private func deviation(_ totals: [ControlTotal]) -> Statement {
    let wrong = totals.filter { $0.deviationMinor != 0 }
    guard !wrong.isEmpty else {
      return Alerts.resolve(
        dedupKeys: ["\(Self.deviationAlert):\(subject)"],
        actor: PostingAlerts.actor
      )
    }
    let amounts = wrong.map { "\(Amount($0.currency, minor: $0.deviationMinor))" }
    return Alerts.raise(
      Alert(
        .critical,
        kind: Self.deviationAlert,
        subject: subject,
        message: "The clearing account of \(subject) is not the sum of its items: "
          + "\(amounts.joined(separator: ", ")). Trust no figure of reconciliation; run `tender "
          + "ledger verify` and `tender ledger drift`.",
        actor: PostingAlerts.actor
      )
    )
  }
}
