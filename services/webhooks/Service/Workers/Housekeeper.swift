import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// Makes partitions ahead of time, ends deliveries of disabled endpoints, removes expired answers.
final class Housekeeper: Sendable {
  static let monthsAhead: Int32 = 3
  static let interval = Duration.seconds(30)
  /// Rounds between looks at the partitions.
  static let partitionRounds = 120

  private let environment: ServiceEnvironment
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(_ environment: ServiceEnvironment) { self.environment = environment }

  func start() {
    let spawned = environment.loop.spawn(name: "housekeeper") { [self] in await run() }
    task.withLock { $0 = spawned }
  }

  func stop() { task.withLock { $0 }?.cancel() }

  private func run() async {
    var round = 0
    while !Task.isCancelled {
      do {
        if round % Self.partitionRounds == 0 {
          _ = try await environment.database.query(
            "select make_partitions(\(environment.clock.now), \(Self.monthsAhead))")
        }
        round += 1
        _ = try await environment.database.query(DeliveryStatements.sweep())
        _ = try await environment.idempotency.reap()
      } catch {
        if Task.isCancelled { return }
        environment.logger.warning("housekeeping failed", metadata: ["error": "\(error)"])
      }
      do { try await environment.loop.sleep(for: Self.interval) } catch { return }
    }
  }
}
