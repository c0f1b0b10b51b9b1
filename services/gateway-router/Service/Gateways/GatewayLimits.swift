import Configuration
import GatewayCore
import Reactor
import ServiceKit
import Synchronization

/// What this process limits towards gateways: requests in flight per account, and how often live
/// calls ask again. Beside them it counts how authorisations end, which routes are ordered by.
final class GatewayLimits: Sendable {
  /// Requests in flight towards one account, unless the settings say otherwise.
  static let concurrentMax = 256

  struct Usage: Sendable, Hashable {
    var inFlight = 0
    var authorizations = 0
    var succeeded = 0
  }

  struct Retries: Sendable, Hashable {
    var left: Int
    var refused: UInt64
  }

  private struct State: Sendable {
    var inFlight: [GatewayAccount: Int] = [:]
    var windows: [GatewayAccount: SuccessWindow] = [:]
    var budget = RetryBudget()
    var refused: UInt64 = 0
  }

  let concurrentMax: Int
  private let loop: EventLoop
  private let state = Mutex(State())

  /// Setting `gateways.concurrentMax` (count, default 256): per account and process.
  init(_ environment: ServiceEnvironment) throws(SettingsError) {
    let most = environment.settings.config.int(
      forKey: "gateways.concurrentMax", default: Self.concurrentMax)
    guard (1...100_000).contains(most) else {
      throw SettingsError("`gateways.concurrentMax` is no number from 1 to 100000.")
    }
    concurrentMax = most
    loop = environment.loop
  }

  // MARK: In flight

  func isFull(_ account: GatewayAccount) -> Bool {
    state.withLock { $0.inFlight[account, default: 0] >= concurrentMax }
  }

  func enter(_ account: GatewayAccount) {
    state.withLock { $0.inFlight[account, default: 0] += 1 }
  }

  func leave(_ account: GatewayAccount) {
    state.withLock { $0.inFlight[account, default: 0] -= 1 }
  }

  // MARK: Retries

  func countFirstSend() { state.withLock { $0.budget.earn() } }

  /// Whether a live call may ask again; a refusal is counted.
  func allowsRetry() -> Bool {
    state.withLock { state in
      if state.budget.isEmpty { state.refused += 1 }
      return !state.budget.isEmpty
    }
  }

  func countRetry() { state.withLock { $0.budget.spend() } }

  var retries: Retries {
    state.withLock { Retries(left: $0.budget.retries, refused: $0.refused) }
  }

  // MARK: Success

  func record(succeeded: Bool, at account: GatewayAccount) {
    let now = nowMilliseconds
    state.withLock {
      $0.windows[account, default: SuccessWindow()].record(
        succeeded: succeeded, nowMilliseconds: now)
    }
  }

  func permille(_ account: GatewayAccount) -> Int? {
    let now = nowMilliseconds
    return state.withLock { $0.windows[account]?.permille(nowMilliseconds: now) }
  }

  func usage(of account: GatewayAccount) -> Usage {
    let now = nowMilliseconds
    return state.withLock { state in
      let (calls, succeeded) = state.windows[account]?.counts(nowMilliseconds: now) ?? (0, 0)
      return Usage(
        inFlight: state.inFlight[account, default: 0], authorizations: calls, succeeded: succeeded)
    }
  }

  private var nowMilliseconds: Int64 { Int64(loop.now.nanoseconds / 1_000_000) }
}
