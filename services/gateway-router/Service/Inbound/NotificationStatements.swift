import GatewayCore
import Money
import Postgres

/// The SQL of notifications.
enum NotificationStatements {
  struct Row: Sendable {
    var gateway: GatewayName
    /// Equal for repetitions of one event.
    var id: String
    var body: [UInt8]
  }

  /// Pauses after failures, seconds, by the number of tries; then the notification is parked.
  static let pausesSeconds: [Double] = [1, 5, 15, 60, 300, 900, 3_600, 14_400]
  static var triesMax: Int32 { Int32(pausesSeconds.count) }
  /// Longer than gateways repeat an event by themselves.
  static let keptDays: Int32 = 30

  static func insert(_ rows: [Row]) -> Statement {
    """
    insert into notification (gateway, id, body)
    select * from unnest(\(rows.map(\.gateway.rawValue)), \(rows.map(\.id)), \(rows.map(\.body)))
    on conflict (gateway, id) do nothing
    """
  }

  /// Due ones under a lease, in the order they came.
  static func take(limit: Int64, leaseSeconds: Double) -> Statement {
    """
    with due as materialized (
      select gateway, id from notification
      where processed_at is null and next_try_at <= now()
      order by next_try_at limit \(limit) for update skip locked
    ), taken as (
      update notification n
      set tries = n.tries + 1, next_try_at = now() + make_interval(secs => \(leaseSeconds))
      from due where n.gateway = due.gateway and n.id = due.id
      returning n.gateway, n.id, n.body, n.tries, n.received_at
    )
    select gateway, id, body, tries from taken order by received_at
    """
  }

  struct Finished: Sendable {
    var gateway: GatewayName
    var id: String
    var merchant: MerchantID
    /// What came of it, in words.
    var note: String
  }

  static func finish(_ rows: [Finished]) -> Statement {
    """
    update notification n
    set processed_at = now(), merchant_id = f.merchant_id, last_error = f.note
    from unnest(\(rows.map(\.gateway.rawValue)), \(rows.map(\.id)),
      \(rows.map { UUIDBits($0.merchant.bits) }), \(rows.map(\.note)))
      as f (gateway, id, merchant_id, note)
    where n.gateway = f.gateway and n.id = f.id
    """
  }

  /// One that concerns no merchant.
  static func finish(_ gateway: GatewayName, _ id: String, note: String) -> Statement {
    """
    update notification set processed_at = now(), last_error = \(note)
    where gateway = \(gateway.rawValue) and id = \(id)
    """
  }

  /// Not a failure: it is looked at again after a moment.
  static func wait(_ gateway: GatewayName, _ id: String, seconds: Double) -> Statement {
    """
    update notification
    set tries = tries - 1, next_try_at = now() + make_interval(secs => \(seconds))
    where gateway = \(gateway.rawValue) and id = \(id)
    """
  }

  static func postpone(
    _ gateway: GatewayName, _ id: String, tries: Int32, reason: String
  ) -> Statement {
    let seconds = pausesSeconds[min(max(Int(tries), 1), pausesSeconds.count) - 1]
    return """
      update notification
      set last_error = \(reason), next_try_at = now() + make_interval(secs => \(seconds))
      where gateway = \(gateway.rawValue) and id = \(id)
      """
  }

  /// Kept, and left alone until an operator has it tried again (`RetryNotification`).
  static func park(_ gateway: GatewayName, _ id: String, reason: String) -> Statement {
    """
    update notification set last_error = \(reason), next_try_at = 'infinity'
    where gateway = \(gateway.rawValue) and id = \(id)
    """
  }

  static func forget(limit: Int64) -> Statement {
    """
    delete from notification where (gateway, id) in (
      select gateway, id from notification
      where processed_at < now() - make_interval(days => \(keptDays)) limit \(limit))
    """
  }

  static let backlog: Statement = """
    select count(*), min(received_at) from notification where processed_at is null
    """

  // MARK: For people

  static let shown = """
    gateway, id, received_at, processed_at,
    case when processed_at is null and next_try_at < 'infinity' then next_try_at end,
    processed_at is null and next_try_at = 'infinity', tries, last_error, is_listed, merchant_id
    """

  static func list(
    _ state: NotificationState, of gateway: GatewayName?, before: Timestamp?, limit: Int64
  ) -> Statement {
    let condition =
      switch state {
      case .waiting: "processed_at is null and next_try_at < 'infinity'"
      case .parked: "processed_at is null and next_try_at = 'infinity'"
      case .processed: "processed_at is not null"
      }
    return """
      select \(raw: shown) from notification
      where \(raw: condition)
        and (\(gateway?.rawValue)::text is null or gateway = \(gateway?.rawValue))
        and (\(before)::timestamptz is null or received_at < \(before))
      order by received_at desc, id limit \(limit)
      """
  }

  static func find(_ gateway: GatewayName, _ id: String) -> Statement {
    """
    select \(raw: shown) from notification
    where gateway = \(gateway.rawValue) and id = \(id) for update
    """
  }

  static func retry(_ gateway: GatewayName, _ id: String, actor: String) -> Statement {
    """
    update notification
    set tries = 0, next_try_at = now(),
      last_error = left('tried again for ' || \(actor) || ' after: ' || last_error, 500)
    where gateway = \(gateway.rawValue) and id = \(id)
    returning \(raw: shown)
    """
  }

  /// Ends the alert when none is parked any more.
  static func resolveParked(_ gateway: GatewayName, actor: String) -> Statement {
    """
    update alert set state = 'resolved', resolved_at = now(), actor = \(actor)
    where dedup_key = \("notification_parked:" + gateway.rawValue) and state = 'open'
      and not exists (
        select 1 from notification where gateway = \(gateway.rawValue) and processed_at is null
          and next_try_at = 'infinity')
    """
  }

  // MARK: Whom it is about

  static func attempt(_ id: AttemptID, at gateway: GatewayName) -> Statement {
    """
    select merchant_id, intent_id, operation_id, id from attempt
    where id = \(id) and gateway = \(gateway.rawValue)
    """
  }

  /// Several attempts may share a reference only by a fault of ours; the winner comes first.
  static func attempt(reference: String, at gateway: GatewayName) -> Statement {
    """
    select merchant_id, intent_id, operation_id, id from attempt
    where gateway = \(gateway.rawValue) and reference = \(reference)
    order by disposition = 2 desc, id limit 1
    """
  }
}
