import GatewayCore
import Money
import Postgres
import ServiceKit

/// The SQL of what people say about contradicted set-ups. The set-up's row is locked before.
enum SetupReviewStatements {
  /// Kind of each open alert, and who has looked at what was seen last, oldest first.
  static func open(about id: SetupIntentID) -> Statement {
    """
    select a.kind, array(
      select r.actor from setup_review r
      where r.alert_key = a.dedup_key and r.alert_first_seen = a.first_seen
        and r.alert_count = a.count
      order by r.id)
    from alert a
    where a.dedup_key = any(\(SetupConflict.allCases.map { $0.alertKey(about: id) }))
      and a.state = 'open'
    order by a.dedup_key
    """
  }

  /// A row for each alert, about what was seen last of it.
  static func say(
    _ words: String, about conflicts: [SetupConflict], of id: SetupIntentID,
    _ merchant: MerchantID, _ stamp: Stamp
  ) -> Statement {
    """
    insert into setup_review (merchant_id, setup_intent_id, alert_key, alert_first_seen,
      alert_count, words, actor, trace_id)
    select \(merchant), \(id), dedup_key, first_seen, count, \(words), \(stamp.actor),
      \(stamp.traceID)
    from alert
    where dedup_key = any(\(conflicts.map { $0.alertKey(about: id) })) and state = 'open'
    """
  }
}
