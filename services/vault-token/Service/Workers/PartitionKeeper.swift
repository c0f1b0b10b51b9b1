import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// Makes the partitions of the coming months of the audit, ahead of time.
final class PartitionKeeper: Sendable {
  static let monthsAhead: Int32 = 3
  static let interval = Duration.seconds(24 * 3_600)
  static let retryPause = Duration.seconds(60)

  private let environment: ServiceEnvironment
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(_ environment: ServiceEnvironment) {
    self.environment = environment
  }

  func start() {
    let spawned = environment.loop.spawn(name: "partition keeper") { [self] in await run() }
    task.withLock { $0 = spawned }
  }

  func stop() { task.withLock { $0 }?.cancel() }

  private func run() async {
    while !Task.isCancelled {
      let pause: Duration
      do {
        let rows = try await environment.database.query(
          "select make_partitions(\(environment.clock.now), \(Self.monthsAhead))"
        )
        let made = try rows.single()[0, as: Int32.self]
        if made > 0 { environment.logger.info("partitions made", metadata: ["count": "\(made)"]) }
        pause = Self.interval
      } catch {
        environment.logger.warning("partitions not made", metadata: ["error": "\(error)"])
        pause = Self.retryPause
      }
      do {
        try await environment.loop.sleep(for: pause)
      } catch {
        return
      }
    }
  }
}
