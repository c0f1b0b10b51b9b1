import Logging
import Money
package import Outbox
import Reactor

/// One relay of a service as its own task: carries a destination's outbox rows in batches, woken by
/// commits, until each is acknowledged.
package final class ServiceRelay: Sendable {
  /// Sends a batch; an error means that none of it is known to be applied, and all is sent again.
  package typealias Send = @Sendable ([OutboxRow]) async throws -> Void

  private let environment: ServiceEnvironment
  private let relay: OutboxRelay
  private let running = RelayTask()

  package init(
    _ destination: String, _ environment: ServiceEnvironment,
    limits: OutboxRelay.Limits = OutboxRelay.Limits(), send: @escaping Send
  ) {
    self.environment = environment
    let logger = environment.logger
    relay = OutboxRelay(
      destination: destination, client: environment.database, logger: logger, limits: limits
    ) { rows in
      do {
        try await send(rows)
        return rows.map { _ in .delivered }
      } catch {
        logger.warning(
          "an outbox batch was not taken",
          metadata: ["destination": "\(destination)", "error": "\(error)"])
        return rows.map { _ in .retry(String(describing: type(of: error))) }
      }
    }
  }

  package func start() {
    running.task = environment.loop.spawn(name: "outbox relay") { [relay] in await relay.run() }
  }

  /// Call after a commit that wrote rows.
  package func wake() { relay.wake() }

  package func shutdown() async {
    relay.stop()
    await running.task?.value
  }

  package func report() async throws -> QueueReport {
    let backlog = try await relay.backlog()
    let age = backlog.oldest.map { environment.clock.now.seconds - $0.seconds } ?? 0
    return QueueReport(
      name: "outbox.\(relay.destination)", length: backlog.count, oldestAgeSeconds: max(0, age))
  }
}

/// The relay's task; set once at start.
private final class RelayTask: @unchecked Sendable {
  var task: Task<Void, Never>?
}
