import GatewayCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// People hear of notifications with a wrong signature: somebody forges them, or the endpoint's secret
/// was changed on one side only. One row a minute and gateway at most, however many come: whoever
/// sends them has proven nothing and may cost nothing.
final class ForgeryAlarm: Sendable {
  static let kind = "notification_forged"
  static let intervalSeconds: Int64 = 60

  /// What came since the last row.
  struct Tally: Sendable {
    private var raisedAt: [GatewayName: Int64] = [:]
    private var counts: [GatewayName: Int] = [:]

    /// How many to tell of now; nil: not yet.
    mutating func note(_ gateway: GatewayName, nowSeconds: Int64) -> Int? {
      counts[gateway, default: 0] += 1
      if let last = raisedAt[gateway], nowSeconds - last < ForgeryAlarm.intervalSeconds {
        return nil
      }
      raisedAt[gateway] = nowSeconds
      return counts.removeValue(forKey: gateway)
    }
  }

  private let environment: ServiceEnvironment
  private let tally = Mutex(Tally())

  init(_ environment: ServiceEnvironment) { self.environment = environment }

  /// From any thread; waits for nothing.
  func note(_ gateway: GatewayName) {
    let now = environment.clock.now.seconds
    guard let count = tally.withLock({ $0.note(gateway, nowSeconds: now) }) else { return }
    let alert = Alert(
      .warning,
      kind: Self.kind,
      subject: gateway.rawValue,
      message:
        "\(count) notifications for \(gateway) had a wrong signature and changed nothing. If "
        + "they are its own, the endpoint's secret differs from the file of `webhookSecretFile` or "
        + "`webhookKeyFile`; otherwise somebody forges them.",
      actor: "service:gateway-router"
    )
    environment.loop.spawn(name: "forged notification") { [environment] in
      do {
        _ = try await environment.database.query(Alerts.raise(alert))
      } catch {
        environment.logger.warning("raising an alert", metadata: ["error": "\(error)"])
      }
    }
  }
}
