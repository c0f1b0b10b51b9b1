import GatewayAdapters
import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// Reads what gateways tried to tell while nobody listened: at the start, and when nothing was told
/// for a while, the account's list of events is read down to where the last reading began. One
/// replica at a time, by lease; each event is stored once, by its id, and processed like one that
/// was told.
///
/// Adyen has no such list: it repeats what was not acknowledged for days, and an alert says when it
/// has told nothing although outcomes are missing.
final class EventCatchUp: Sendable {
  static let checkInterval = Duration.seconds(15)
  /// Nothing told for so long: look.
  static let silentSeconds: Double = 300
  static let leaseSeconds: Double = 30
  static let failurePauseSeconds: Double = 30
  /// Pages of one round; the next round goes on behind them.
  static let pagesMax = 50
  /// Failing for so long, people hear of it.
  static let alertSeconds: Int64 = 3_600
  static let failingKind = "events_not_caught_up"
  static let gapKind = "events_lost"
  static let unheardKind = "notifications_missing"

  private let environment: ServiceEnvironment
  private let ports: GatewayPorts
  /// By the database's clock, as what it is compared with; nil before the first round.
  private let startedAt = Mutex<Timestamp?>(nil)
  private let wake: @Sendable () -> Void
  private let worker: WorkerLoop

  /// - Parameter wake: called when something was stored.
  init(
    _ environment: ServiceEnvironment,
    ports: GatewayPorts,
    wake: @escaping @Sendable () -> Void
  ) {
    self.environment = environment
    self.ports = ports
    self.wake = wake
    worker = WorkerLoop("event list", environment, every: Self.checkInterval)
  }

  func start() {
    worker.start { [self] in
      while try await work() {}
      try await checkUnheard(.adyen)
      try await forgetWarnings()
    }
  }

  func shutdown() async { await worker.shutdown() }

  /// A round for each account; true when one has more to read.
  func work() async throws -> Bool {
    let startedAt = try await startTime()
    var hasMore = false
    for account in ports.listedAccounts {
      _ = try await environment.database.query(EventStatements.ensure(account))
      _ = try await environment.database.query(
        EventStatements.advance(account, startedAt: startedAt))
      if try await walk(account, startedAt: startedAt) { hasMore = true }
    }
    return hasMore
  }

  /// When the first round began.
  private func startTime() async throws -> Timestamp {
    if let known = startedAt.withLock({ $0 }) { return known }
    let now = try await environment.database.query("select now()").single()[0, as: Timestamp.self]
    startedAt.withLock { $0 = now }
    return now
  }

  private struct Lease {
    var fence: Int64
    var walk: EventWalk
    var takenAt: Timestamp
  }

  private func take(_ account: GatewayAccount, startedAt: Timestamp) async throws -> Lease? {
    let rows = try await environment.database.query(
      EventStatements.take(
        account,
        startedAt: startedAt,
        silentSeconds: Self.silentSeconds,
        leaseSeconds: Self.leaseSeconds
      )
    )
    guard let row = rows.first else { return nil }
    let (fence, listedUntil, after, until, takenAt) = try row.decode(
      (Int64, Timestamp, String?, Timestamp?, Timestamp).self
    )
    var walk = EventWalk(listedUntil: listedUntil.seconds)
    if let after, let until { walk.underWay = .init(after: after, until: until.seconds) }
    return Lease(fence: fence, walk: walk, takenAt: takenAt)
  }

  private func walk(_ account: GatewayAccount, startedAt: Timestamp) async throws -> Bool {
    guard let lease = try await take(account, startedAt: startedAt) else { return false }
    var walk = lease.walk
    if walk.hasGap(now: lease.takenAt.seconds) { try await alertGap(account) }
    for _ in 0..<Self.pagesMax {
      switch try await page(account, walk) {
      case .failed(let error):
        try await fail(account, lease.fence, error)
        return false
      case .cursorUnknown: walk = walk.restarted
      case .items(let events, let hasMore):
        walk = walk.after(
          newest: events.first?.createdSeconds,
          last: hasMore ? events.last?.id : nil
        )
        guard try await store(events, walk, account, lease.fence) else { return false }
        if walk.underWay == nil { return false }
      }
    }
    _ = try await environment.database.query(
      EventStatements.release(account, fence: lease.fence, pauseSeconds: 0, error: "")
    )
    return true
  }

  private func page(
    _ account: GatewayAccount, _ walk: EventWalk
  ) async throws -> StripeListPage<StripeEvents.Listed> {
    guard let facts = await ports.events(account, walk) else {
      return .failed("the settings no longer name \(account)")
    }
    return try await environment.workers.run {
      StripeEvents.read(facts, after: walk.underWay?.after)
    }
  }

  /// False when somebody else has taken the lease over.
  private func store(
    _ events: [StripeEvents.Listed],
    _ walk: EventWalk,
    _ account: GatewayAccount,
    _ fence: Int64
  ) async throws -> Bool {
    let rows = events.map {
      NotificationStatements.Row(gateway: account.gateway, id: $0.id, body: $0.body)
    }
    let isOver = walk.underWay == nil
    let result = try await environment.database.query(
      EventStatements.store(
        rows,
        walk,
        account,
        fence: fence,
        leaseSeconds: Self.leaseSeconds,
        nextSeconds: isOver ? Self.silentSeconds : nil
      )
    ).single()
    let (kept, stored) = try result.decode((Int64, Int64).self)
    if stored > 0 {
      environment.logger.notice(
        "events nobody had told were listed",
        metadata: ["account": "\(account)", "count": "\(stored)"]
      )
      wake()
    }
    if kept > 0, isOver {
      _ = try await environment.database.query(
        Alerts.resolve(
          dedupKeys: ["\(Self.failingKind):\(account)"],
          actor: "service:gateway-router"
        )
      )
    }
    return kept > 0
  }

  private func fail(_ account: GatewayAccount, _ fence: Int64, _ error: String) async throws {
    environment.logger.warning(
      "events could not be listed",
      metadata: ["account": "\(account)", "error": "\(error)"]
    )
    let rows = try await environment.database.query(
      EventStatements.release(
        account,
        fence: fence,
        pauseSeconds: Self.failurePauseSeconds,
        error: error
      )
    )
    guard let seconds = try rows.first?[0, as: Int64?.self], seconds > Self.alertSeconds
    else { return }
    try await raise(
      Self.failingKind,
      "\(account)",
      "The list of events could not be read for over an hour: \(error). What the gateway told "
        + "while nobody listened may be missing; check its key and address."
    )
  }

  private func alertGap(_ account: GatewayAccount) async throws {
    try await raise(
      Self.gapKind,
      "\(account)",
      "Nobody has listened for over 30 days, which is as far as the gateway lists its events. "
        + "Compare disputes, returns and late failures of that time with its own records."
    )
  }

  /// A gateway without a list: outcomes are missing and nothing is told.
  func checkUnheard(_ gateway: GatewayName) async throws {
    guard ports.accounts.keys.contains(where: { $0.gateway == gateway }) else { return }
    let row = try await environment.database.query(
      EventStatements.unheard(gateway, afterSeconds: Double(Self.alertSeconds))
    ).single()
    let count = try row[0, as: Int64.self]
    guard count > 0 else {
      _ = try await environment.database.query(
        Alerts.resolve(
          dedupKeys: ["\(Self.unheardKind):\(gateway.rawValue)"],
          actor: "service:gateway-router"
        )
      )
      return
    }
    try await raise(
      Self.unheardKind,
      gateway.rawValue,
      "\(count) attempts have no known outcome for over an hour, and \(gateway) has told nothing. "
        + "It has no list to catch up from: check that its webhook is on and reaches "
        + "`inbound.listen`, and have it send what failed again."
    )
  }

  /// Warnings that nothing can show to be over end by themselves: an hour after the last forged
  /// notification, a week after a gap was found.
  func forgetWarnings() async throws {
    for (kind, seconds) in [(ForgeryAlarm.kind, 3_600.0), (Self.gapKind, 7 * 86_400.0)] {
      _ = try await environment.database.query(
        EventStatements.endAlerts(kind, unseenSeconds: seconds))
    }
  }

  private func raise(_ kind: String, _ subject: String, _ message: String) async throws {
    _ = try await environment.database.query(
      Alerts.raise(
        Alert(
          .critical,
          kind: kind,
          subject: subject,
          message: message,
          actor: "service:gateway-router"
        )
      )
    )
  }
}
