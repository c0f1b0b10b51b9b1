import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// A version of the rules as its row.
struct RoutingVersion: Sendable {
  enum State: Int16, Sendable, Hashable {
    case draft = 1
    case active = 2
    case retired = 3
  }

  var number: Int32
  var state: State
  var digest: [UInt8]
  var reason: String
  var proposedBy: String
  var approvedBy: String?
  var createdAt: Timestamp
  var activatedAt: Timestamp?
  var rules: Int32
  var document: String
}

extension RoutingVersion {
  init(_ row: Row) throws {
    number = try row[0, as: Int32.self]
    guard let state = State(rawValue: try row[1, as: Int16.self]) else {
      throw PostgresError(.decoding, "a routing version has an unknown state")
    }
    self.state = state
    digest = try row[2, as: [UInt8].self]
    reason = try row[3, as: String.self]
    proposedBy = try row[4, as: String.self]
    approvedBy = try row[5, as: String?.self]
    createdAt = try row[6, as: Timestamp.self]
    activatedAt = try row[7, as: Timestamp?.self]
    rules = try row[8, as: Int32.self]
    document = try row[9, as: String.self]
  }
}

/// The SQL of routing versions, their back-tests and the audit of both.
enum RoutingStatements {
  private static let head = """
    number, state, digest, reason, proposed_by, approved_by, created_at, activated_at,
    coalesce(json_array_length(document::json -> 'rules'), 0)
    """

  /// One writer of versions at a time, so that numbers and states follow each other.
  static func lock() -> Statement {
    "select pg_advisory_xact_lock(hashtext('gateway.routing'))::text"
  }

  static func active() -> Statement { "select number from routing_version where state = 2" }

  /// - Parameter number: 0 is the active one.
  static func version(_ number: Int32) -> Statement {
    """
    select \(raw: head), document from routing_version
    where case when \(number) = 0 then state = 2 else number = \(number) end
    """
  }

  static func versions(limit: Int64) -> Statement {
    "select \(raw: head), '' from routing_version order by number desc limit \(limit)"
  }

  static func insert(
    _ document: String, digest: [UInt8], reason: String, _ stamp: Stamp
  ) -> Statement {
    """
    insert into routing_version (number, document, digest, reason, proposed_by, actor, trace_id)
    select coalesce(max(number), 0) + 1, \(document), \(digest), \(reason), \(stamp.actor),
      \(stamp.actor), \(stamp.traceID)
    from routing_version
    returning \(raw: head), ''
    """
  }

  static func drafts() -> Statement {
    "select count(*) from routing_version where state = 1"
  }

  /// Ends what was said of versions other than this one.
  static func resolveUnusable(except number: Int32, _ stamp: Stamp) -> Statement {
    """
    update alert set state = 'resolved', resolved_at = now(), actor = \(stamp.actor)
    where kind = \(RoutingWatch.unusableKind) and state = 'open'
      and dedup_key <> \(RoutingWatch.unusableKey(number))
    """
  }

  static func retireActive() -> Statement {
    "update routing_version set state = 3 where state = 2 returning number"
  }

  static func activate(_ number: Int32, by actor: String) -> Statement {
    """
    update routing_version set state = 2, approved_by = \(actor), activated_at = now()
    where number = \(number) returning \(raw: head), ''
    """
  }

  /// - Parameter against: nil for one that was compared with any version.
  static func hasBacktest(_ version: RoutingVersion, against: Int32?) -> Statement {
    """
    select exists (select 1 from routing_backtest
      where number = \(version.number) and digest = \(version.digest)
        and (\(against)::integer is null or against = \(against)))
    """
  }

  static func insert(
    _ backtest: GatewayV1.Backtest, id: RoutingBacktestID, digest: [UInt8], _ stamp: Stamp
  ) -> Statement {
    """
    insert into routing_backtest (id, number, digest, against, window_days, operations, result,
      actor, trace_id)
    values (\(id), \(Int32(backtest.number)), \(digest),
      \(Int32(backtest.against)), \(Int32(backtest.days)), \(Int64(backtest.payments)),
      \(backtest.encode()), \(stamp.actor), \(stamp.traceID))
    """
  }

  // MARK: Audit

  static func note(
    _ kind: String, _ subject: String, reason: String, _ stamp: Stamp
  ) -> Statement {
    """
    insert into routing_change (kind, subject, reason, actor, trace_id)
    values (\(kind), \(subject), \(reason), \(stamp.actor), \(stamp.traceID))
    """
  }

  static func changes(limit: Int64) -> Statement {
    """
    select kind, subject, reason, actor, created_at from routing_change
    order by id desc limit \(limit)
    """
  }

  // MARK: Back-tests

  /// A page of the payments since a time, by id, which is by time of the intent.
  static func payments(
    after intent: PaymentIntentID, _ operation: OperationID, limit: Int64
  ) -> Statement {
    """
    select o.intent_id, o.id, o.merchant_id, o.currency, o.amount_minor, a.routing_method,
      a.routing_brand, a.routing_country, a.routing_gateways
    from operation o left join attempt a
      on a.intent_id = o.intent_id and a.operation_id = o.id and a.sequence = 1
    where (o.intent_id, o.id) > (\(intent), \(operation))
    order by o.intent_id, o.id limit \(limit)
    """
  }
}
