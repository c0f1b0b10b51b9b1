import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// What all processes share about routing, as this one has read it last: the active version, the
/// overrides, the breakers. Read every half second, so that what one process or person changes counts
/// everywhere within a second.
final class RoutingWatch: Sendable {
  static let interval = Duration.milliseconds(500)
  static let unusableKind = "routing_version_unusable"
  /// People are told again that often while a process cannot use the active version.
  static let unusablePause = Duration.seconds(60)

  private struct View: Sendable {
    var table: RoutingTable
    var overrides: [GatewayOverride] = []
    var readAt: MonotonicInstant?
    /// A version that this process cannot use, and when it said so.
    var unusable: (number: Int32, toldAt: MonotonicInstant)?
    /// The version in use since alerts about others were last ended.
    var settled: Int32?
  }

  private let environment: ServiceEnvironment
  private let breakers: GatewayBreakers
  /// Read with the rest.
  let restore: RestoreWatch
  private let worker: WorkerLoop
  /// While no version is active.
  let settingsOrder: RoutingTable
  private let view: Mutex<View>

  init(
    _ environment: ServiceEnvironment, _ settingsOrder: RoutingTable, _ breakers: GatewayBreakers
  ) throws(SettingsError) {
    self.environment = environment
    self.breakers = breakers
    restore = try RestoreWatch(environment)
    self.settingsOrder = settingsOrder
    view = Mutex(View(table: settingsOrder))
    worker = WorkerLoop("routing watch", environment, every: Self.interval)
  }

  /// Reads once before the first payment, then for ever.
  func start() async throws {
    try await refresh()
    worker.start { [self] in try await refresh() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Somebody changed something here: the next reading does not wait.
  func wake() { worker.wake() }

  // MARK: What counts now

  var table: RoutingTable { view.withLock { $0.table } }
  var accounts: [GatewayAccount] { settingsOrder.fallback }

  func override(of account: GatewayAccount, livemode: Bool) -> GatewayOverride.Action? {
    let now = environment.clock.now
    return view.withLock { view in
      view.overrides.first {
        $0.state == .active && $0.account == account && $0.livemode == livemode
          && now < $0.expiresAt
      }?.action
    }
  }

  /// Proposed and active ones.
  var overrides: [GatewayOverride] { view.withLock { $0.overrides } }

  /// nil before the first reading.
  var ageMilliseconds: Int64? {
    let now = environment.loop.now
    return view.withLock { $0.readAt?.duration(to: now).wholeMillisecondsRoundedUp }
  }

  // MARK: Reading

  func refresh() async throws {
    let results = try await environment.database.transaction(batch: [
      BreakerStatements.all(), OverrideStatements.open(), RoutingStatements.active(),
      OverrideStatements.hasExpired(), RestoreStatements.gate(),
    ])
    try restore.learn(results[4])
    breakers.learn(try results[0].compactMap { try BreakerRow($0) })
    let overrides = try results[1].map { try GatewayOverride($0) }
    let number = try results[2].first.map { try $0[0, as: Int32.self] } ?? 0
    let now = environment.loop.now
    view.withLock { view in
      view.overrides = overrides
      view.readAt = now
    }
    if try results[3].single()[0, as: Bool.self] {
      _ = try await environment.database.query(OverrideStatements.expire(environment.stamp))
    }
    try await follow(number)
  }

  private func follow(_ number: Int32) async throws {
    let now = environment.loop.now
    let (version, unusable) = view.withLock { (Int32($0.table.version), $0.unusable) }
    if number == version {
      try await settle(number)
    } else if unusable?.number != number
      || unusable.map({ $0.toldAt.duration(to: now) > Self.unusablePause }) ?? true
    {
      try await load(number)
    }
  }

  /// The active version is in use here: what was said of another one (before it was rolled back, or by
  /// a process that read so later) is over.
  private func settle(_ number: Int32) async throws {
    let isSettled = view.withLock { view in
      view.unusable = nil
      return view.settled == number
    }
    guard !isSettled else { return }
    _ = try await environment.database.query(
      RoutingStatements.resolveUnusable(except: number, environment.stamp))
    view.withLock { $0.settled = number }
  }

  /// A version that names an account this process does not have is not used: what counted before goes
  /// on, and people are told.
  private func load(_ number: Int32) async throws {
    guard number > 0 else { return use(settingsOrder) }
    let rows = try await environment.database.query(RoutingStatements.version(number))
    guard let row = rows.first else { return }
    switch try await check(try RoutingVersion(row).document) {
    case .success(let document):
      use(RoutingTable(version: Int(number), document))
      environment.logger.notice("routing version", metadata: ["number": "\(number)"])
      _ = try await environment.database.query(
        Alerts.resolve(
          dedupKeys: [Self.unusableKey(number)], actor: environment.stamp.actor))
    case .failure(let findings):
      let now = environment.loop.now
      view.withLock { view in
        view.unusable = (number, now)
        view.settled = nil
      }
      let finding = findings.first
      _ = try await environment.database.query(
        Alerts.raise(
          Alert(
            .critical, kind: Self.unusableKind, subject: "version \(number)",
            message: "A process cannot route by version \(number) and goes on as before: "
              + "\(finding.field): \(finding.message) Roll back, or correct its settings.",
            actor: environment.stamp.actor, dedupKey: Self.unusableKey(number))))
    }
  }

  private func use(_ table: RoutingTable) {
    view.withLock { view in
      view.table = table
      view.unusable = nil
      view.settled = nil
    }
  }

  static func unusableKey(_ number: Int32) -> String { "\(unusableKind):\(number)" }

  /// Checking takes too long for the loop.
  func check(_ text: String) async throws -> Result<RoutingDocument, RoutingFindings> {
    try await environment.workers.run { [accounts] in
      Result { () throws(RoutingFindings) in try RoutingDocument(text, accounts: accounts) }
    }
  }
}
