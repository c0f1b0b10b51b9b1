import Faults
package import Logging
package import Postgres
package import Reactor
import Synchronization
package import Transport

/// What a service is given to work with.
package struct ServiceEnvironment: Sendable {
  package let name: ServiceName
  package let loop: EventLoop
  package let workers: Workers
  package let database: PostgresClient
  package let settings: ServiceSettings
  package let logger: Logger
  package let metrics: MetricRegistry
  package let clock: any WallClock
  package let identifiers: IdentifierSource
  package let idempotency: Idempotency
  package let peers: PeerClients

  package init(
    name: ServiceName, loop: EventLoop, workers: Workers, database: PostgresClient,
    settings: ServiceSettings, logger: Logger, clock: any WallClock, tls: TLSIdentity,
    endpoints: Endpoints, metrics: MetricRegistry = MetricRegistry()
  ) {
    self.name = name
    self.loop = loop
    self.workers = workers
    self.database = database
    self.settings = settings
    self.logger = logger
    self.metrics = metrics
    self.clock = clock
    identifiers = IdentifierSource(clock: clock)
    idempotency = Idempotency(database: database, loop: loop, metrics: metrics, logger: logger)
    peers = PeerClients(loop: loop, tls: tls, endpoints: endpoints, logger: logger)
  }

  /// Runs work that must not stop when the caller goes away: it belongs to the process from here
  /// on, is awaited at shutdown, and the call merely waits for it (DESIGN section 5, deadlines).
  /// `limit` bounds it in place of the caller's deadline.
  package func shielded<Value: Sendable>(
    _ name: StaticString, limit: Duration,
    _ work: @Sendable @escaping () async throws -> Value
  ) async throws -> Value {
    let call = CallContext.current
    let result = ShieldedResult<Value>()
    let task = loop.spawn(name: name) {
      await CallContext.$current.withValue(call) {
        await Deadline.$current.withValue(.after(limit)) {
          do { result.set(.success(try await work())) } catch { result.set(.failure(error)) }
        }
      }
    }
    #if TENDER_FAULTS
      if Sabotage.cancellationReachesCall.isOn {
        await withTaskCancellationHandler {
          await task.value
        } onCancel: {
          task.cancel()
        }
        return try result.get()
      }
    #endif
    await task.value
    return try result.get()
  }
}


/// Where shielded work leaves its result.
private final class ShieldedResult<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)

  func set(_ value: Result<Value, any Error>) { result.withLock { $0 = value } }

  func get() throws -> Value {
    guard let result = result.withLock({ $0 }) else { throw RPCFailure.internalError }
    return try result.get()
  }
}
