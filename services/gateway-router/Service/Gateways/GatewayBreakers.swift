import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// One breaker per account, over the first sends of payments: a gateway that fails technically gets
/// no new payments for a while. Of this process; another replica finds out by itself. Openings are
/// alerts, which `tender doctor` shows.
final class GatewayBreakers: Sendable {
  static let alertKind = "gateway_breaker_open"

  private let environment: ServiceEnvironment
  private let breakers: Mutex<[GatewayAccount: Breaker]>

  init(_ environment: ServiceEnvironment, _ accounts: [GatewayAccount]) {
    self.environment = environment
    breakers = Mutex(Dictionary(uniqueKeysWithValues: accounts.map { ($0, Breaker()) }))
  }

  /// A new process begins with closed breakers: what a former one reported is over.
  func start() {
    let keys = breakers.withLock { $0.keys.map(Self.dedupKey) }
    report(Alerts.resolve(dedupKeys: keys, actor: Self.actor))
  }

  /// Whether a payment should not even be routed there; takes no probe's place.
  func denies(_ account: GatewayAccount) -> Bool {
    let now = nowMilliseconds
    return breakers.withLock { $0[account]?.denies(nowMilliseconds: now) ?? false }
  }

  /// Whether a payment may be sent now; then its result must be recorded.
  func admits(_ account: GatewayAccount) -> Bool {
    let now = nowMilliseconds
    return breakers.withLock { breakers in
      switch breakers[account]?.admit(nowMilliseconds: now) {
      case .denied: false
      case .allowed, .probe, nil: true
      }
    }
  }

  func record(_ result: Breaker.Result, of account: GatewayAccount, milliseconds: Int64) {
    let now = nowMilliseconds
    let (wasClosed, isClosed) = breakers.withLock { breakers in
      let before = breakers[account]?.state
      breakers[account]?.record(
        result, tookMilliseconds: milliseconds, nowMilliseconds: now, random: .random(in: 0...99))
      return (before == .closed, breakers[account]?.state == .closed)
    }
    if wasClosed && !isClosed {
      environment.logger.warning("a breaker opened", metadata: ["account": "\(account)"])
      report(Alerts.raise(
        Alert(
          .warning, kind: Self.alertKind, subject: account.description,
          message: "\(account) fails technically; new payments go elsewhere. It is probed after 5 "
            + "to 60 s and used again by itself.", actor: Self.actor,
          dedupKey: Self.dedupKey(account))))
    } else if !wasClosed && isClosed {
      environment.logger.notice("a breaker closed", metadata: ["account": "\(account)"])
      report(Alerts.resolve(dedupKeys: [Self.dedupKey(account)], actor: Self.actor))
    }
  }

  /// 1 for the state that each account's breaker is in.
  func families() -> [MetricFamily] {
    let states = breakers.withLock { $0.mapValues(\.state.name) }
    let series = states.sorted { $0.key.description < $1.key.description }.flatMap { account, state in
      Breaker.State.names.map { name in
        MetricSeries(
          [
            MetricLabel("account", account.account),
            MetricLabel("gateway", account.gateway.rawValue), MetricLabel("state", name),
          ], .number(name == state ? 1 : 0))
      }
    }
    return [
      MetricFamily(
        "tender_gateway_breaker_state", .gauge,
        "1 for the state of an account's breaker: closed, open, half_open.", series)
    ]
  }

  private static let actor = "service:gateway-router"

  private static func dedupKey(_ account: GatewayAccount) -> String { "\(alertKind):\(account)" }

  private var nowMilliseconds: Int64 { Int64(environment.loop.now.nanoseconds / 1_000_000) }

  private func report(_ statement: Statement) {
    environment.loop.spawn(name: "breaker report") { [environment] in
      do {
        _ = try await environment.database.query(statement)
      } catch {
        environment.logger.warning("a breaker's report", metadata: ["error": "\(error)"])
      }
    }
  }
}

extension Breaker.State {
  fileprivate static let names = ["closed", "half_open", "open"]

  fileprivate var name: String {
    switch self {
    case .closed: "closed"
    case .open: "open"
    case .halfOpen: "half_open"
    }
  }
}

extension Breaker.Result {
  /// Declines and refusals are answers: only what fails technically counts.
  init(_ facts: TransferFacts) {
    if let status = facts.status, facts.stage == .answered {
      self = status >= 500 || status == 429 ? .failed : .answered
    } else {
      self = facts.stage < .sending ? .connectFailed : .failed
    }
  }
}
