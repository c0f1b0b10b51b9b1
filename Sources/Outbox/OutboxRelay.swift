import Faults
package import Logging
package import Postgres
import Reactor
import Synchronization

/// Sends one destination's rows until they are acknowledged. Run it with `loop.spawn`; several
/// replicas may run at once. Nothing is ever given up: a row that keeps failing raises an alert and
/// is tried on, with capped pauses.
package final class OutboxRelay: Sendable {
  package struct Limits: Sendable {
    /// Rows of one claim.
    package var batchMax = 128
    /// Rows of one key in one claim.
    package var rowsPerKeyMax = 16
    /// Renewed while `send` works. So long the rows of a killed process lie before another relay
    /// sends them again.
    package var lease = Duration.seconds(9)
    /// After a wake-up, how long rows gather before they are claimed: a busy service then pays for
    /// one claim and one call where it would pay for twenty.
    package var gather = Duration.milliseconds(100)
    /// How long rows of other processes, or rows that became due, may lie unseen.
    package var pollInterval = Duration.seconds(1)
    /// Pauses of a row after failures.
    package var backoff = Backoff(base: .milliseconds(200), cap: .seconds(60))
    /// Pauses while the receiver or the database is away: what waits is on its way this soon after
    /// they are back.
    package var awayBackoff = Backoff(base: .milliseconds(200), cap: .seconds(5))
    /// Claims of one row until an alert is raised.
    package var attemptsBeforeAlert: Int32 = 8

    package init() {}
  }

  package typealias Send = @Sendable ([OutboxRow]) async -> [OutboxOutcome]

  package let destination: String
  private let client: PostgresClient
  private let limits: Limits
  private let store: OutboxStore
  private let logger: Logger
  private let send: Send
  private let signal: WakeSignal
  #if TENDER_FAULTS
    private let highWater = Mutex<Int64>(0)
  #endif

  /// - Parameter send: gets claimed rows, each key's in order, and answers one outcome per row, in
  ///   the same order. Must end within `LeaseRenewal.leasesMax` leases. A missing outcome counts as a
  ///   failure.
  package init(
    destination: String,
    client: PostgresClient,
    logger: Logger,
    limits: Limits = Limits(),
    send: @escaping Send
  ) {
    self.destination = destination
    self.client = client
    self.limits = limits
    self.logger = logger
    self.send = send
    store = OutboxStore(client: client, destination: destination)
    signal = WakeSignal(loop: client.loop)
  }

  /// Call after a commit that wrote rows. From any thread; cheap.
  package func wake() { signal.raise() }

  /// Lets `run` end after the batch at hand.
  package func stop() { signal.stop() }

  /// Sends until stopped. Errors of the database are logged and tried again.
  package func run() async {
    var failures = 0
    while !signal.isStopped {
      do {
        let result = try await runOnce()
        // All of a batch failing says that the receiver is away: then not every row is tried.
        failures = result.claimed > 0 && result.delivered == 0 ? failures + 1 : 0
        if failures == 0, result.claimed >= limits.batchMax { continue }
        // There may be more: of one key, or of what came meanwhile.
        if failures == 0, result.claimed >= limits.rowsPerKeyMax { signal.raise() }
      } catch {
        failures += 1
        logger.warning("outbox relay failed", metadata: ["error": "\(error)"])
      }
      let pause = failures == 0 ? limits.pollInterval : limits.awayBackoff.delay(attempt: failures)
      if await signal.wait(atMost: pause, deaf: failures > 0), !signal.isStopped {
        await signal.pause(limits.gather)
      }
    }
  }

  /// Claims, sends and settles one batch.
  @discardableResult
  package func runOnce() async throws(PostgresError) -> (claimed: Int, delivered: Int) {
    #if TENDER_FAULTS
      let rows = aboveHighWater(try await store.claim(limits: limits))
    #else
      let rows = try await store.claim(limits: limits)
    #endif
    guard !rows.isEmpty else { return (0, 0) }
    let renewal = LeaseRenewal(rows, store, lease: limits.lease, logger: logger)
    renewal.start()
    #if TENDER_FAULTS
      CrashPoint.afterOutboxClaim.pass()
    #endif
    let outcomes = await send(rows)
    #if TENDER_FAULTS
      CrashPoint.afterOutboxSend.pass()
    #endif
    await renewal.end()
    var delivered: [OutboxRow] = []
    var failed: [(row: OutboxRow, reason: String, pause: Duration)] = []
    for (index, row) in rows.enumerated() {
      switch index < outcomes.count ? outcomes[index] : .retry("no outcome") {
      case .delivered: delivered.append(row)
      case .retry(let reason):
        failed.append((row, reason, limits.backoff.delay(attempt: Int(row.attempts))))
      case .receiverAway(let reason):
        failed.append((row, reason, limits.awayBackoff.delay(attempt: Int(row.attempts))))
      }
    }
    let kept = try await store.settle(delivered: delivered, failed: failed)
    if kept < rows.count {
      logger.warning("outbox lease ran out", metadata: ["rows": "\(rows.count - kept)"])
    }
    try await report(delivered: delivered, failed: failed)
    return (rows.count, delivered.count)
  }

  /// What waits, for tests, doctor and metrics.
  package func backlog() async throws(PostgresError) -> OutboxBacklog {
    try await store.backlog()
  }

  private func report(
    delivered: [OutboxRow],
    failed: [(row: OutboxRow, reason: String, pause: Duration)]
  ) async throws(PostgresError) {
    let alert = Alert(
      .critical,
      kind: "outbox.stuck",
      subject: destination,
      message: "rows of \(destination) are refused again and again: "
        + (failed.first?.reason ?? ""),
      actor: "outbox"
    )
    if failed.contains(where: { $0.row.attempts >= limits.attemptsBeforeAlert }) {
      _ = try await client.query(Alerts.raise(alert))
    } else if delivered.contains(where: { $0.attempts > limits.attemptsBeforeAlert }) {
      let left = try await store.backlog()
      guard left.attemptsMax < limits.attemptsBeforeAlert else { return }
      _ = try await client.query(Alerts.resolve(dedupKeys: [alert.dedupKey], actor: "outbox"))
    }
  }
}

#if TENDER_FAULTS
  extension OutboxRelay {
    /// All rows, unless the relay is to remember the highest number it has seen.
    private func aboveHighWater(_ rows: [OutboxRow]) -> [OutboxRow] {
      guard Sabotage.highWaterRelay.isOn else { return rows }
      return highWater.withLock { highest in
        let new = rows.filter { $0.sequence > highest }
        highest = max(highest, new.map(\.sequence).max() ?? highest)
        return new
      }
    }
  }
#endif
