import GatewayCore
import Money
import Postgres
import ReportFormats
import ServiceKit

/// The SQL of reports.
enum ReportStatements {
  private static let columns = """
    gateway, account, kind, name, period_start, period_end, state, run_reference, file_reference,
    failures, sha256, bytes, row_count, detail, created_at, fetched_at
    """

  static func load(_ report: ReportIdentity) -> Statement {
    """
    select \(raw: columns) from report
    where gateway = \(report.account.gateway.rawValue) and account = \(report.account.account)
      and kind = \(report.kind.rawValue) and name = \(report.name)
    """
  }

  /// Newest first.
  static func list(limit: Int64) -> Statement {
    "select \(raw: columns) from report order by created_at desc, name limit \(limit)"
  }

  /// Once; nothing happens if it is there.
  static func insert(
    _ report: ReportIdentity, _ state: StoredReport.State, _ stamp: Stamp
  ) -> Statement {
    """
    insert into report (gateway, account, kind, name, period_start, period_end, state, actor,
      trace_id)
    values (\(report.account.gateway.rawValue), \(report.account.account), \(report.kind.rawValue),
      \(report.name), \(report.period?.lowerBound), \(report.period?.upperBound), \(state.rawValue),
      \(stamp.actor), \(stamp.traceID))
    on conflict do nothing
    """
  }

  /// What the gateway says of the run, until the report was fetched.
  static func update(_ report: ReportIdentity, _ run: ReportRun, _ stamp: Stamp) -> Statement? {
    switch run {
    case .pending(let reference):
      change(report, .requested, run: reference, file: nil, failed: false, detail: "", stamp)
    case .ready(let reference, let file):
      change(report, .available, run: reference, file: file, failed: false, detail: "", stamp)
    case .failed(_, let reason):
      // The next try is another run.
      change(report, .rejected, run: nil, file: nil, failed: true, detail: reason, stamp)
    case .unknown: nil
    }
  }

  private static func change(
    _ report: ReportIdentity, _ state: StoredReport.State, run: String?, file: String?,
    failed: Bool, detail: String, _ stamp: Stamp
  ) -> Statement {
    """
    update report set state = \(state.rawValue), run_reference = \(run), file_reference = \(file),
      failures = failures + \(Int32(failed ? 1 : 0)), detail = \(detail), updated_at = now(),
      actor = \(stamp.actor), trace_id = \(stamp.traceID)
    where gateway = \(report.account.gateway.rawValue) and account = \(report.account.account)
      and kind = \(report.kind.rawValue) and name = \(report.name) and state <> 3
    """
  }

  /// What was downloaded; a fetched report stays as it is.
  static func finish(
    _ report: ReportIdentity, _ state: StoredReport.State, sha256: [UInt8], bytes: Int,
    rows: Int, detail: String, _ stamp: Stamp
  ) -> Statement {
    """
    update report set state = \(state.rawValue), sha256 = \(sha256), bytes = \(Int64(bytes)),
      row_count = \(Int64(rows)), detail = \(detail), fetched_at = now(), updated_at = now(),
      actor = \(stamp.actor), trace_id = \(stamp.traceID)
    where gateway = \(report.account.gateway.rawValue) and account = \(report.account.account)
      and kind = \(report.kind.rawValue) and name = \(report.name) and state <> 3
    """
  }
}
