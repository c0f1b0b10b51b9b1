import Logging
import Money
import Postgres

/// Makes the partitions of the coming months, ahead of time, by the schema's own
/// `make_partitions(at timestamptz, ahead integer)`.
package final class PartitionKeeper: Sendable {
  package static let monthsAhead: Int32 = 3
  package static let interval = Duration.seconds(24 * 3_600)
  package static let retryPause = Duration.seconds(60)

  private let environment: ServiceEnvironment
  private let worker: WorkerLoop

  package init(_ environment: ServiceEnvironment) {
    self.environment = environment
    worker = WorkerLoop(
      "partition keeper", environment, every: Self.interval, afterFailure: Self.retryPause)
  }

  package func start() {
    worker.start { [environment] in
      let rows = try await environment.database.query(
        "select make_partitions(\(environment.clock.now), \(Self.monthsAhead))")
      let made = try rows.single()[0, as: Int32.self]
      if made > 0 { environment.logger.info("partitions made", metadata: ["count": "\(made)"]) }
    }
  }

  package func shutdown() async { await worker.shutdown() }
}
