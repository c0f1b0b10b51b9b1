import GatewayCore
import Money
import Postgres
import ServiceKit

/// A person's word about an account, for test or for live payments.
struct GatewayOverride: Sendable, Hashable {
  enum Action: Int16, Sendable, Hashable {
    case forceOpen = 1
    case forceClosed = 2
  }

  enum State: Int16, Sendable, Hashable {
    case proposed = 1
    case active = 2
    case ended = 3
  }

  var id: GatewayOverrideID
  var account: GatewayAccount
  var livemode: Bool
  var action: Action
  var state: State
  var reason: String
  var expiresAt: Timestamp
  var proposedBy: String
  var approvedBy: String?

  var alertKey: String { Self.alertKey(account, livemode: livemode) }

  static func alertKey(_ account: GatewayAccount, livemode: Bool) -> String {
    "gateway_override:\(account) \(livemode ? "live" : "test")"
  }
}

extension GatewayOverride {
  init(_ row: Row) throws {
    id = try row[0, as: GatewayOverrideID.self]
    guard let gateway = GatewayName(rawValue: try row[1, as: String.self]),
      let action = Action(rawValue: try row[4, as: Int16.self]),
      let state = State(rawValue: try row[5, as: Int16.self])
    else { throw PostgresError(.decoding, "an override holds an unknown value") }
    account = GatewayAccount(gateway: gateway, account: try row[2, as: String.self])
    livemode = try row[3, as: Bool.self]
    self.action = action
    self.state = state
    reason = try row[6, as: String.self]
    expiresAt = try row[7, as: Timestamp.self]
    proposedBy = try row[8, as: String.self]
    approvedBy = try row[9, as: String?.self]
  }
}

/// The SQL of overrides.
enum OverrideStatements {
  private static let columns = """
    id, gateway, account, livemode, action, state, reason, expires_at, proposed_by, approved_by
    """

  /// Proposed and active ones, by age; what has expired is left out.
  static func open() -> Statement {
    """
    select \(raw: columns) from gateway_override
    where state in (1, 2) and expires_at > now() order by created_at, id
    """
  }

  static func lock(_ id: GatewayOverrideID) -> Statement {
    """
    select \(raw: columns) from gateway_override where id = \(id) and expires_at > now() for update
    """
  }

  static func hasExpired() -> Statement {
    "select exists (select 1 from gateway_override where state in (1, 2) and expires_at <= now())"
  }

  /// Ends active and proposed ones whose time is over, with their audit and alerts.
  static func expire(_ stamp: Stamp) -> Statement {
    """
    with ended as (
      update gateway_override set state = 3, ended_by = \(stamp.actor)
      where state in (1, 2) and expires_at <= now()
      returning gateway || ':' || account || case when livemode then ' live' else ' test' end name
    ), told as (
      insert into routing_change (kind, subject, reason, actor, trace_id)
      select 'override_expired', name, '', \(stamp.actor), \(stamp.traceID) from ended
    )
    update alert set state = 'resolved', resolved_at = now(), actor = \(stamp.actor)
    where state = 'open' and dedup_key in (
      select 'gateway_override:' || name from ended
      where not exists (
        -- A proposal that nobody approved ends nothing of what is forced there.
        select 1 from gateway_override o
        where o.state = 2 and o.expires_at > now() and ended.name =
          o.gateway || ':' || o.account || case when o.livemode then ' live' else ' test' end))
    """
  }

  static func insert(
    _ override: GatewayOverride, expiresInSeconds seconds: Int64, _ stamp: Stamp
  ) -> Statement {
    """
    insert into gateway_override (id, gateway, account, livemode, action, state, reason, expires_at,
      proposed_by, approved_by, actor, trace_id)
    values (\(override.id), \(override.account.gateway.rawValue), \(override.account.account),
      \(override.livemode), \(override.action.rawValue), \(override.state.rawValue),
      \(override.reason), now() + make_interval(secs => \(Double(seconds))),
      \(override.proposedBy), \(override.approvedBy), \(stamp.actor), \(stamp.traceID))
    returning \(raw: columns)
    """
  }

  static func approve(_ id: GatewayOverrideID, by actor: String) -> Statement {
    """
    update gateway_override set state = 2, approved_by = \(actor) where id = \(id)
    returning \(raw: columns)
    """
  }

  static func release(
    _ account: GatewayAccount, livemode: Bool, by actor: String
  ) -> Statement {
    """
    update gateway_override set state = 3, ended_by = \(actor)
    where gateway = \(account.gateway.rawValue) and account = \(account.account)
      and livemode = \(livemode) and state in (1, 2)
    """
  }

  /// What the unique index of active ones is violated by.
  static let activeIndex = "gateway_override_active"
}
