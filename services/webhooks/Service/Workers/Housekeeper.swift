import Postgres
import ServiceKit

/// Ends deliveries of disabled endpoints.
final class Housekeeper: Sendable {
  static let interval = Duration.seconds(30)

  private let environment: ServiceEnvironment
  private let worker: WorkerLoop

  init(_ environment: ServiceEnvironment) {
    self.environment = environment
    worker = WorkerLoop("housekeeper", environment, every: Self.interval)
  }

  func start() {
    worker.start { [environment] in
      _ = try await environment.database.query(DeliveryStatements.sweep())
    }
  }

  func shutdown() async { await worker.shutdown() }
}
