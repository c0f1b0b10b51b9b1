import Money
import Postgres
import WebhooksCore

/// A delivery that this process may attempt until its lease ends.
struct ClaimedDelivery: Sendable {
  var merchant: MerchantID
  var endpoint: EndpointID
  var event: EventID
  var fence: Int64
  var tries: Int
  var body: [UInt8]
  var url: String
  var secrets: [SealedSecretRow]
}

/// A secret of an endpoint, sealed.
struct SealedSecretRow: Sendable {
  var id: UInt128
  var sealed: SealingKeys.Sealed

  static func rows(_ ids: [UUIDBits]?, _ keys: [String]?, _ sealed: [[UInt8]]?) -> [Self] {
    zip(ids ?? [], zip(keys ?? [], sealed ?? [])).map { id, value in
      SealedSecretRow(id: id.bits, sealed: .init(keyID: value.0, bytes: value.1))
    }
  }
}

/// An attempt and what it changes.
struct AttemptResult: Sendable {
  var delivery: ClaimedDelivery
  var change: DeliveryChange
  var at: Timestamp
  var httpStatus: Int32
  var durationMilliseconds: Int32
  var error: String
}

/// Statements over `delivery`. Times of the schedule and leases come from the database's clock, one for
/// all replicas: a process whose own is wrong holds nothing back. What is told of an attempt has the
/// service's time.
enum DeliveryStatements {
  static let actor = "service:webhooks"
  /// Endpoints that one look for due deliveries finds.
  static let dueMax: Int64 = 1_000

  static func due() -> Statement {
    """
    select e.id from endpoint e
    where e.state = 'enabled' and exists (
      select from delivery d
      where d.endpoint_id = e.id and d.state = 'pending' and d.next_attempt_at <= now()
        and (d.lease_until is null or d.lease_until < clock_timestamp()))
    limit \(dueMax)
    """
  }

  /// Up to `free` due deliveries of each endpoint.
  static func claim(
    _ asks: [(endpoint: EndpointID, free: Int)], at now: Timestamp, leaseMilliseconds: Int64
  ) -> Statement {
    """
    with ask as (
      select * from unnest(\(asks.map(\.endpoint)), \(asks.map { Int64($0.free) }))
        a(endpoint_id, free)
    ), due as materialized (
      select d.endpoint_id, d.event_id
      from ask a
      join endpoint e on e.id = a.endpoint_id and e.state = 'enabled'
      cross join lateral (
        select q.endpoint_id, q.event_id from delivery q
        where q.endpoint_id = a.endpoint_id and q.state = 'pending' and q.next_attempt_at <= now()
          and (q.lease_until is null or q.lease_until < clock_timestamp())
        order by q.next_attempt_at limit a.free
        for update skip locked) d
    ), claimed as (
      update delivery d
      set lease_until = clock_timestamp() + \(leaseMilliseconds) * interval '1 ms',
        fence = d.fence + 1
      from due where d.endpoint_id = due.endpoint_id and d.event_id = due.event_id
      returning d.merchant_id, d.endpoint_id, d.event_id, d.fence, d.tries
    )
    select c.merchant_id, c.endpoint_id, c.event_id, c.fence, c.tries, v.body, e.url,
      s.ids, s.keys, s.sealed
    from claimed c
    join event v on v.merchant_id = c.merchant_id and v.id = c.event_id
    join endpoint e on e.id = c.endpoint_id
    cross join lateral (\(raw: secrets) where s.endpoint_id = c.endpoint_id
      and (s.expires_at is null or s.expires_at > \(now))) s
    order by v.sequence
    """
  }

  /// The newest signs first.
  static let secrets = """
    select array_agg(s.id order by s.created_at desc) ids,
      array_agg(s.key_id order by s.created_at desc) keys,
      array_agg(s.sealed order by s.created_at desc) sealed
    from endpoint_secret s
    """

  static func claimed(_ row: Row) throws -> ClaimedDelivery {
    let (merchant, endpoint, event, fence, tries, body, url, ids, keys, sealed) = try row.decode(
      (
        MerchantID, EndpointID, EventID, Int64, Int32, [UInt8], String, [UUIDBits]?, [String]?,
        [[UInt8]]?
      ).self)
    return ClaimedDelivery(
      merchant: merchant, endpoint: endpoint, event: event, fence: fence, tries: Int(tries),
      body: body, url: url, secrets: SealedSecretRow.rows(ids, keys, sealed))
  }

  /// Writes attempts and what they change; those whose fence is old change nothing.
  static func record(_ results: [AttemptResult]) -> Statement {
    """
      with r as (
        select * from unnest(
          \(results.map(\.delivery.endpoint)), \(results.map(\.delivery.event)),
          \(results.map(\.delivery.fence)), \(results.map(\.change.state.rawValue)),
          \(results.map { Int32($0.change.tries) }),
          \(results.map { $0.change.pauseMilliseconds ?? 0 }), \(results.map(\.at)),
          \(results.map(\.httpStatus)), \(results.map(\.durationMilliseconds)),
          \(results.map(\.error)))
          r(endpoint_id, event_id, fence, state, tries, pause_ms, at, http_status, duration_ms, error)
      ), changed as (
        update delivery d
        set state = r.state, attempts = d.attempts + 1, tries = r.tries, lease_until = null,
          next_attempt_at = case when r.state = 'pending'
            then now() + r.pause_ms * interval '1 ms' end,
          actor = \(actor)
        from r
        where d.endpoint_id = r.endpoint_id and d.event_id = r.event_id and d.fence = r.fence
          and d.state = 'pending'
        returning d.merchant_id, d.endpoint_id, d.event_id, d.attempts, r.at, r.http_status,
          r.duration_ms, r.error
      )
      insert into delivery_attempt (merchant_id, endpoint_id, event_id, number, at, http_status,
        duration_ms, error)
      select * from changed
      """
  }

  /// Gives a claim back: nothing was sent.
  static func release(_ delivery: ClaimedDelivery) -> Statement {
    """
    update delivery set lease_until = null
    where endpoint_id = \(delivery.endpoint) and event_id = \(delivery.event)
      and fence = \(delivery.fence) and state = 'pending'
    """
  }

  /// What waits for endpoints that were disabled while it was written.
  static func sweep() -> Statement {
    """
    update delivery d set state = 'undeliverable', next_attempt_at = null, lease_until = null,
      fence = d.fence + 1, actor = \(actor)
    from endpoint e
    where e.state = 'disabled' and d.endpoint_id = e.id and d.state = 'pending'
    """
  }
}
