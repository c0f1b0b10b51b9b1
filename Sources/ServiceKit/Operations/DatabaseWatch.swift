import Logging
import Postgres
import Synchronization

/// Looks at the database at an interval: without it the service reports not-serving, and serving
/// again when it is back. Also deletes expired idempotency answers.
final class DatabaseWatch: Sendable {
  static let interval = Duration.seconds(1)
  /// Looks between two sweeps of expired answers.
  static let sweepEvery = 60

  private struct State {
    var looks = 0
    var wasServing = true
  }

  private let environment: ServiceEnvironment
  private let health: HealthState
  private let worker: WorkerLoop
  private let state = Mutex(State())

  init(environment: ServiceEnvironment, health: HealthState) {
    self.environment = environment
    self.health = health
    worker = WorkerLoop("database watch", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in await round() }
  }

  func stop() { worker.stop() }

  private func round() async {
    let looks = state.withLock { state in
      state.looks += 1
      return state.looks
    }
    let isServing = await look(sweep: looks % Self.sweepEvery == 0)
    let wasServing = state.withLock { state in
      defer { state.wasServing = isServing }
      return state.wasServing
    }
    if isServing != wasServing {
      environment.logger.notice(
        isServing ? "the database is back" : "the database is gone; not serving")
    }
    health.set(serving: isServing)
  }

  private func look(sweep: Bool) async -> Bool {
    do {
      _ = try await environment.database.query("select 1")
      if sweep { _ = try await environment.idempotency.reap() }
      return true
    } catch {
      environment.logger.debug("database watch", metadata: ["error": "\(error)"])
      return false
    }
  }
}
