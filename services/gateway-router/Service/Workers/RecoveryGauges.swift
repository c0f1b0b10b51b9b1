import GatewayCore
import Postgres
import ServiceKit

/// What recovery has before it: how much of each kind, and how old the oldest is. Read when somebody
/// asks, over the partial indexes of what is due.
struct RecoveryGauges: Sendable {
  static let items = "tender_recovery_items"
  static let oldest = "tender_recovery_oldest_age_seconds"
  static let kinds = [
    "attempts_unknown", "attempts_pending", "captures_pending", "refunds_pending",
    "reversals_pending", "unproven", "notifications_parked",
  ]

  let database: PostgresClient
  let times: RecoveryTimes

  func families() async throws -> [MetricFamily] {
    let rows = try await database.query(Self.statement(times))
    let found = Dictionary(
      try rows.decode((String, Int64, Int64).self).map { ($0.0, ($0.1, $0.2)) }
    ) { first, _ in first }
    func series(_ value: ((Int64, Int64)) -> Int64) -> [MetricSeries] {
      Self.kinds.map {
        MetricSeries([MetricLabel("kind", $0)], .number(Double(value(found[$0] ?? (0, 0)))))
      }
    }
    return [
      MetricFamily(
        Self.items, .gauge, "What recovery has before it, by kind.", series { $0.0 }),
      MetricFamily(
        Self.oldest, .gauge, "Age of the oldest of each kind; 0 without one.", series { $0.1 }),
    ]
  }

  private static func statement(_ times: RecoveryTimes) -> Statement {
    """
    select kind, count(*), max(extract(epoch from now() - since))::bigint from (
      select case when evidence in ('sent', 'unknown') then 'attempts_unknown'
        else 'attempts_pending' end as kind, created_at as since
      from attempt where look_at is not null and disposition = 1
        and evidence in ('sent', 'unknown', 'pending', 'requires_action')
      union all select 'captures_pending', created_at from capture where next_try_at is not null
      union all select 'refunds_pending', created_at from refund where next_try_at is not null
      union all select 'reversals_pending', condemned_at from reversal
      where next_try_at is not null
      union all select 'unproven', condemned_at from reversal
      where next_try_at is not null and condemned_at
        < now() - make_interval(secs => \(Double(ReversalSchedule.alertSeconds) * times.scale))
      union all select 'unproven', created_at from refund
      where next_try_at is not null and created_at < now() - make_interval(secs =>
        case state when \(Refund.State.accepted.rawValue)
          then \(Double(RefundSchedule.acceptedAlertSeconds))
          else \(Double(RefundSchedule.unknownAlertSeconds)) end)
      union all select 'notifications_parked', received_at from notification
      where processed_at is null and next_try_at = 'infinity'
    ) waiting group by kind
    """
  }
}
