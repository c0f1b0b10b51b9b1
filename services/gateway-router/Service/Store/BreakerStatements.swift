import GatewayCore
import Postgres

/// The kinds of requests that have a breaker each. The text is that of contracts and SQL.
enum BreakerOperation: String, Sendable, Hashable, CaseIterable {
  /// First sends of payments: an open breaker keeps new ones away.
  case authorize
  /// Captures, refunds, cancels. Never held back, since they cannot go elsewhere.
  case modify
  case look
}

struct BreakerKey: Sendable, Hashable, CustomStringConvertible {
  var account: GatewayAccount
  var operation: BreakerOperation

  var description: String { "\(account) \(operation.rawValue)" }
}

/// A breaker as its row, in the database's time.
struct BreakerRow: Sendable {
  var key: BreakerKey
  var breaker: Breaker
  var fence: Int64
  var openedAtMilliseconds: Int64?
  /// The database's clock when it was read.
  var nowMilliseconds: Int64
}

/// The SQL of breakers: a row changes with a breaker's state, never per payment.
enum BreakerStatements {
  private static let read = """
    select gateway, account, operation, state,
      (extract(epoch from until) * 1000)::bigint as until_ms, openings, probes_admitted,
      probes_succeeded, fence, (extract(epoch from opened_at) * 1000)::bigint as opened_ms,
      (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms
    from breaker
    """

  /// All of them: at most a few per account.
  static func all() -> Statement { "\(raw: read)" }

  static func one(_ key: BreakerKey) -> Statement {
    """
    \(raw: read) where gateway = \(key.account.gateway.rawValue) and account = \(key.account.account)
      and operation = \(key.operation.rawValue)
    """
  }

  /// Compare and set: no row when somebody else has changed it since `fence`, or when its time is not
  /// over by the database's own clock.
  static func change(
    _ key: BreakerKey, to breaker: Breaker, over fence: Int64, nowMilliseconds now: Int64,
    actor: String
  ) -> Statement {
    let (state, until, admitted, succeeded): (Int16, Int64?, Int, Int) =
      switch breaker.state {
      case .closed: (1, nil, 0, 0)
      case .open(let until): (2, until, 0, 0)
      case .halfOpen(let admitted, let succeeded, let until): (3, until, admitted, succeeded)
      }
    let seconds = until.map { Double($0 - now) / 1_000 }
    return """
      with changed as (
        insert into breaker as b (gateway, account, operation, state, opened_at, until, openings,
          probes_admitted, probes_succeeded, fence, actor)
        values (\(key.account.gateway.rawValue), \(key.account.account),
          \(key.operation.rawValue), \(state), case when \(state) = 2 then now() end,
          clock_timestamp() + make_interval(secs => \(seconds)::float8), \(Int32(breaker.openings)),
          \(Int32(admitted)), \(Int32(succeeded)), 1, \(actor))
        on conflict (gateway, account, operation) do update set
          state = excluded.state, until = excluded.until, openings = excluded.openings,
          opened_at = case excluded.state when 1 then null when 2 then excluded.opened_at
            else b.opened_at end,
          probes_admitted = excluded.probes_admitted,
          probes_succeeded = excluded.probes_succeeded, fence = b.fence + 1, updated_at = now(),
          actor = excluded.actor
        where b.fence = \(fence)
          and (b.state <> 2 or excluded.state <> 3 or b.until <= clock_timestamp())
        returning *
      )
      select gateway, account, operation, state, (extract(epoch from until) * 1000)::bigint,
        openings, probes_admitted, probes_succeeded, fence,
        (extract(epoch from opened_at) * 1000)::bigint,
        (extract(epoch from clock_timestamp()) * 1000)::bigint
      from changed
      """
  }
}

extension BreakerRow {
  /// nil for an account or kind of request that this program does not know.
  init?(_ row: Row) throws {
    guard let gateway = GatewayName(rawValue: try row[0, as: String.self]),
      let operation = BreakerOperation(rawValue: try row[2, as: String.self])
    else { return nil }
    key = BreakerKey(
      account: GatewayAccount(gateway: gateway, account: try row[1, as: String.self]),
      operation: operation)
    let until = try row[4, as: Int64?.self] ?? 0
    let state: Breaker.State =
      switch try row[3, as: Int16.self] {
      case 2: .open(untilMilliseconds: until)
      case 3:
        .halfOpen(
          admitted: Int(try row[6, as: Int32.self]), succeeded: Int(try row[7, as: Int32.self]),
          untilMilliseconds: until)
      default: .closed
      }
    breaker = Breaker(state, openings: Int(try row[5, as: Int32.self]))
    fence = try row[8, as: Int64.self]
    openedAtMilliseconds = try row[9, as: Int64?.self]
    nowMilliseconds = try row[10, as: Int64.self]
  }
}
