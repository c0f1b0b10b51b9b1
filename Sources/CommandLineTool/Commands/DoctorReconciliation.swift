import Money
import Wire

/// Whether each book that has a report is compared when it should be.
extension Doctor {
  static func finding(_ schedule: LedgerV1.ReconSchedule) -> Finding {
    let row = ReconScheduleCommand.Row(schedule)
    let last = row.lastRunAt.isEmpty ? "never compared" : "compared \(row.lastRunAt)"
    let next = row.nextRunAt.isEmpty ? "by hand only" : "next \(row.nextRunAt)"
    let failed = row.failures == 0 ? "" : ", \(row.failures) tries failed: \(row.failure)"
    return Finding(
      check: "reconciliation \(row.account) \(row.mode)",
      isFine: row.failures == 0,
      detail: "\(last), \(next)\(failed)",
      nextStep: "see tender recon schedule"
    )
  }
}
