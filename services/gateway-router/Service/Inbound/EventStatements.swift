import GatewayCore
import Money
import Postgres

/// The SQL of catching up with a gateway's events.
enum EventStatements {
  /// Made once per account: what happened before is nobody's business here.
  static func ensure(_ account: GatewayAccount) -> Statement {
    """
    insert into event_cursor (gateway, account, listed_until)
    values (\(account.gateway.rawValue), \(account.account), now())
    on conflict do nothing
    """
  }

  /// While this process listens, what it was told last says how far the gateway has got: a later walk
  /// begins there. Before its own first walk it knows nothing of what came before it.
  static func advance(_ account: GatewayAccount, startedAt: Timestamp) -> Statement {
    """
    update event_cursor c
    set listed_until = greatest(listed_until, (
      select max(received_at) from notification n
      where n.gateway = c.gateway and not n.is_listed and n.received_at > c.listed_until))
    where gateway = \(account.gateway.rawValue) and account = \(account.account)
      and walk_after is null and walked_at >= \(startedAt)
    """
  }

  /// The lease, if a walk is due and nobody else is at it: a walk that stopped half-way, none since
  /// `startedAt`, or none for a while during which nothing was told either.
  static func take(
    _ account: GatewayAccount,
    startedAt: Timestamp,
    silentSeconds: Double,
    leaseSeconds: Double
  ) -> Statement {
    """
    update event_cursor c
    set fence = fence + 1, lease_until = now() + make_interval(secs => \(leaseSeconds))
    where gateway = \(account.gateway.rawValue) and account = \(account.account)
      and lease_until < now()
      and (next_walk_at <= now()
          and (walk_after is not null or not exists (
            select 1 from notification n
            where n.gateway = c.gateway and not n.is_listed
              and n.received_at > now() - make_interval(secs => \(silentSeconds))))
        or (walked_at is null or walked_at < \(startedAt))
          and (failing_since is null or next_walk_at <= now()))
    returning fence, listed_until, walk_after, walk_until, now()
    """
  }

  /// Stores a page and where the walk stands, in one step; a lost lease stores nothing.
  /// - Parameter nextSeconds: when the next walk is due; nil while this one goes on.
  static func store(
    _ rows: [NotificationStatements.Row],
    _ walk: EventWalk,
    _ account: GatewayAccount,
    fence: Int64,
    leaseSeconds: Double,
    nextSeconds: Double?
  ) -> Statement {
    let isOver = nextSeconds != nil
    return """
      with kept as (
        update event_cursor
        set listed_until = \(Timestamp(seconds: walk.listedUntil)),
          walk_after = \(walk.underWay?.after),
          walk_until = \(walk.underWay.map { Timestamp(seconds: $0.until) }),
          lease_until = case when \(isOver) then now()
            else now() + make_interval(secs => \(leaseSeconds)) end,
          next_walk_at = now() + make_interval(secs => \(nextSeconds ?? 0)),
          walked_at = case when \(isOver) then now() else walked_at end,
          failing_since = null, last_error = ''
        where gateway = \(account.gateway.rawValue) and account = \(account.account)
          and fence = \(fence)
        returning true
      ), stored as (
        insert into notification (gateway, id, body, is_listed)
        select e.gateway, e.id, e.body, true
        from unnest(\(rows.map(\.gateway.rawValue)), \(rows.map(\.id)), \(rows.map(\.body)))
          as e (gateway, id, body)
        where exists (select 1 from kept)
        on conflict (gateway, id) do nothing
        returning true
      )
      select (select count(*) from kept), (select count(*) from stored)
      """
  }

  /// The next one may go on where this one stopped, after a pause where it failed.
  static func release(
    _ account: GatewayAccount,
    fence: Int64,
    pauseSeconds: Double,
    error: String
  ) -> Statement {
    """
    update event_cursor
    set lease_until = now(), next_walk_at = now() + make_interval(secs => \(pauseSeconds)),
      last_error = \(error),
      failing_since = case when \(error) = '' then null else coalesce(failing_since, now()) end
    where gateway = \(account.gateway.rawValue) and account = \(account.account)
      and fence = \(fence)
    returning extract(epoch from now() - failing_since)::bigint
    """
  }

  /// Attempts and captures at a gateway without a list whose outcome nobody knows for so long, while
  /// it has told nothing.
  static func unheard(_ gateway: GatewayName, afterSeconds: Double) -> Statement {
    """
    select count(*) from attempt a
    where look_at is not null and gateway = \(gateway.rawValue)
      and evidence in ('sent', 'unknown')
      and created_at < now() - make_interval(secs => \(afterSeconds))
      and not exists (
        select 1 from notification n
        where n.gateway = a.gateway
          and n.received_at > now() - make_interval(secs => \(afterSeconds)))
    """
  }

  static func endAlerts(_ kind: String, unseenSeconds: Double) -> Statement {
    """
    update alert set state = 'resolved', resolved_at = now(), actor = 'service:gateway-router'
    where kind = \(kind) and state = 'open'
      and last_seen < now() - make_interval(secs => \(unseenSeconds))
    """
  }
}
