import Logging
import Postgres
import Reactor

/// Looks at the database at an interval: without it the service reports not-serving, and serving
/// again when it is back. Also deletes expired idempotency answers.
final class DatabaseWatch: @unchecked Sendable {
  static let intervalMilliseconds: Int64 = 1_000
  /// Looks between two sweeps of expired answers.
  static let sweepEvery = 60

  private let environment: ServiceEnvironment
  private let health: HealthState
  private var task: Task<Void, Never>?

  init(environment: ServiceEnvironment, health: HealthState) {
    self.environment = environment
    self.health = health
  }

  func start() {
    task = environment.loop.spawn(name: "database watch") { [self] in await run() }
  }

  func stop() { task?.cancel() }

  private func run() async {
    var looks = 0
    var wasServing = true
    while !Task.isCancelled {
      let isServing = await look(sweep: looks % Self.sweepEvery == Self.sweepEvery - 1)
      if isServing != wasServing {
        environment.logger.notice(
          isServing ? "the database is back" : "the database is gone; not serving")
      }
      wasServing = isServing
      health.set(serving: isServing)
      looks += 1
      do {
        try await environment.loop.sleep(for: .milliseconds(Self.intervalMilliseconds))
      } catch {
        return
      }
    }
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
