import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// The breakers of the accounts, shared by all processes: what one opens, all honour once they have
/// read it (`RoutingWatch`, half a second apart); what the probes of some close, is closed for all.
/// A process counts for itself while a breaker is closed; opening, probes and closing are rows.
final class GatewayBreakers: Sendable {
  static let alertKind = "gateway_breaker_open"
  /// Tries of one change, when other processes change the same breaker.
  static let changeTriesMax = 5

  enum Admission: Sendable, Hashable {
    case allowed
    /// One of the few that test a gateway that was away: its result decides.
    case probe
    case denied
  }

  private struct Entry: Sendable {
    var breaker = Breaker()
    var counter = BreakerCounter()
    /// Of the row that `breaker` was read from; 0 for none.
    var fence: Int64 = 0
    var openedAtMilliseconds: Int64?
    /// Decided here and not stored yet.
    var pending: Breaker?

    var current: Breaker { pending ?? breaker }
  }

  private struct State: Sendable {
    var entries: [BreakerKey: Entry]
    /// The database's clock less this process's own.
    var clockOffset: Int64
  }

  private let environment: ServiceEnvironment
  private let state: Mutex<State>

  init(_ environment: ServiceEnvironment, _ accounts: [GatewayAccount]) {
    self.environment = environment
    let keys = accounts.flatMap { account in
      BreakerOperation.allCases.map { BreakerKey(account: account, operation: $0) }
    }
    let entries = Dictionary(keys.map { ($0, Entry()) }) { first, _ in first }
    // Until the database was asked, its clock is taken for ours.
    let offset = environment.clock.now.milliseconds - Self.milliseconds(environment.loop)
    state = Mutex(State(entries: entries, clockOffset: offset))
  }

  // MARK: Asking

  /// Whether a payment should not even be routed there; takes no probe's place.
  func denies(_ account: GatewayAccount) -> Bool {
    let key = BreakerKey(account: account, operation: .authorize)
    let now = nowMilliseconds
    return state.withLock { $0.entries[key]?.current.denies(nowMilliseconds: now) ?? false }
  }

  /// Whether a call may be sent now; then its end must be told: `record` or `forget`.
  func admit(_ key: BreakerKey) async -> Admission {
    let current = state.withLock { $0.entries[key]?.current } ?? Breaker()
    guard current.state != .closed else { return .allowed }
    do {
      let claimed = try await change(key) { $0.admittingProbe(nowMilliseconds: $1) }
      if claimed != nil { return .probe }
    } catch {
      environment.logger.warning(
        "a probe was not claimed", metadata: ["breaker": "\(key)", "error": "\(error)"])
      return .denied
    }
    // Another process may have closed it meanwhile.
    return state.withLock { $0.entries[key]?.current.state == .closed } ? .allowed : .denied
  }

  // MARK: Telling

  func record(
    _ result: Breaker.Result, of key: BreakerKey, _ admission: Admission, milliseconds: Int64
  ) {
    let random = Int.random(in: 0...99)
    switch admission {
    case .denied: break
    case .probe:
      store(key) {
        $0.probed(
          result, tookMilliseconds: milliseconds, nowMilliseconds: $1, random: random)
      }
    case .allowed:
      let now = nowMilliseconds
      let opens = state.withLock { state in
        guard var entry = state.entries[key], entry.current.state == .closed else { return false }
        let isTooMuch = entry.counter.record(
          result, tookMilliseconds: milliseconds, nowMilliseconds: now)
        // Here at once; everywhere as soon as it is stored and read.
        if isTooMuch { entry.pending = entry.breaker.opening(nowMilliseconds: now, random: random) }
        state.entries[key] = entry
        return isTooMuch
      }
      if opens { store(key) { $0.opening(nowMilliseconds: $1, random: random) } }
    }
  }

  /// An admitted call was not sent.
  func forget(_ key: BreakerKey, _ admission: Admission) {
    if admission == .probe { store(key) { breaker, _ in breaker.forgettingProbe() } }
  }

  /// What was read of all breakers.
  func learn(_ rows: [BreakerRow]) {
    state.withLock { state in
      for row in rows { Self.learn(row, &state, Self.milliseconds(environment.loop)) }
    }
  }

  // MARK: Rows

  private func store(_ key: BreakerKey, _ next: @escaping @Sendable (Breaker, Int64) -> Breaker?) {
    environment.loop.spawn(name: "breaker") { [self] in
      do {
        try await change(key, next)
      } catch {
        // What was decided counts here until its time is over; a later change stores it.
        environment.logger.warning(
          "a breaker was not stored", metadata: ["breaker": "\(key)", "error": "\(error)"])
      }
      state.withLock { state in
        guard var entry = state.entries[key], let pending = entry.pending else { return }
        if entry.breaker.state == .closed { entry.breaker = pending }
        entry.pending = nil
        state.entries[key] = entry
      }
    }
  }

  /// - Parameter next: from the breaker as it is, at the database's time; nil changes nothing.
  /// - Returns: what it became; nil when nothing changed.
  @discardableResult
  private func change(
    _ key: BreakerKey, _ next: @Sendable (Breaker, Int64) -> Breaker?
  ) async throws -> Breaker? {
    for _ in 0..<Self.changeTriesMax {
      let now = nowMilliseconds
      let known = state.withLock { ($0.entries[key]?.breaker, $0.entries[key]?.fence) }
      guard let before = known.0, let fence = known.1, let after = next(before, now) else {
        return nil
      }
      let change = BreakerStatements.change(
        key, to: after, over: fence, nowMilliseconds: now, actor: Self.actor)
      let alert = Self.alert(key, before, after)
      let changed = try await environment.database.transaction { transaction in
        let rows = try await transaction.query(change)
        if let alert, !rows.isEmpty { _ = try await transaction.query(alert) }
        return try rows.first.flatMap { try BreakerRow($0) }
      }
      if let changed {
        learn([changed])
        tell(key, before, changed.breaker)
        return changed.breaker
      }
      let rows = try await environment.database.query(BreakerStatements.one(key))
      let read = try rows.compactMap { try BreakerRow($0) }
      learn(read)
      // The same row: only its time is not over yet.
      if read.first?.fence == fence { return nil }
    }
    return nil
  }

  private static func learn(_ row: BreakerRow, _ state: inout State, _ now: Int64) {
    state.clockOffset = row.nowMilliseconds - now
    guard let entry = state.entries[row.key], row.fence > entry.fence else { return }
    state.entries[row.key]?.breaker = row.breaker
    state.entries[row.key]?.fence = row.fence
    state.entries[row.key]?.openedAtMilliseconds = row.openedAtMilliseconds
    if row.breaker.state != .closed || entry.breaker.state != .closed {
      state.entries[row.key]?.counter.reset()
    }
  }

  // MARK: People

  /// How each breaker is, for views: the breaker and when it opened.
  func snapshot() -> [BreakerKey: (breaker: Breaker, openedAtMilliseconds: Int64?)] {
    state.withLock { $0.entries.mapValues { ($0.current, $0.openedAtMilliseconds) } }
  }

  private func tell(_ key: BreakerKey, _ before: Breaker, _ after: Breaker) {
    if before.state == .closed, after.state != .closed {
      environment.logger.warning("a breaker opened", metadata: ["breaker": "\(key)"])
    } else if before.state != .closed, after.state == .closed {
      environment.logger.notice("a breaker closed", metadata: ["breaker": "\(key)"])
    }
  }

  /// In the transaction of the change that it is about.
  private static func alert(_ key: BreakerKey, _ before: Breaker, _ after: Breaker) -> Statement? {
    let dedupKey = "\(alertKind):\(key)"
    if before.state == .closed, after.state != .closed {
      let follows =
        key.operation == .authorize
        ? "new payments go elsewhere. It is probed after 5 to 60 s and used again by itself."
        : "what cannot go elsewhere is sent all the same."
      return Alerts.raise(
        Alert(
          .warning, kind: alertKind, subject: key.description,
          message: "\(key) fails technically; \(follows)", actor: actor, dedupKey: dedupKey))
    }
    guard before.state != .closed, after.state == .closed else { return nil }
    return Alerts.resolve(dedupKeys: [dedupKey], actor: actor)
  }

  private static let actor = "service:gateway-router"

  /// The database's clock, as far as it is known here.
  private var nowMilliseconds: Int64 {
    Self.milliseconds(environment.loop) + state.withLock { $0.clockOffset }
  }

  private static func milliseconds(_ loop: EventLoop) -> Int64 {
    Int64(loop.now.nanoseconds / 1_000_000)
  }
}

extension Breaker.State {
  static let names = ["closed", "half_open", "open"]

  var name: String {
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
