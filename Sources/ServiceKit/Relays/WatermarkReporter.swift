import GRPCCore
package import Money
import Postgres
import Wire

/// Tells the ledger how far this service has told everything that goes to the books, so that it can
/// seal days. Any replica may: what it reads is the same for all.
package final class WatermarkReporter: Sendable {
  package static let interval = Duration.seconds(30)
  /// A transaction is seen to run only a moment after its time was taken; and rows bear the time of this
  /// service's database, days that of the ledger's, whose clocks may be apart by nearly so much.
  package static let margin = Duration.seconds(60)

  private let environment: ServiceEnvironment
  private let destination: String
  private let margin: Duration
  private let worker: WorkerLoop

  /// - Parameter destination: of the outbox rows that the books wait for.
  package init(
    _ environment: ServiceEnvironment, destination: String,
    margin: Duration = WatermarkReporter.margin
  ) {
    self.environment = environment
    self.destination = destination
    self.margin = margin
    worker = WorkerLoop(
      "watermark", environment, every: Self.interval, afterFailure: Self.interval)
  }

  package func start() {
    worker.start { [self] in
      let through = try await measure()
      let client = LedgerV1.DaySeals.Client(wrapping: try environment.peers.client(.ledger))
      _ = try await client.reportWatermark(
        LedgerV1.ReportWatermarkRequest(through: through.wire),
        metadata: OutgoingCall.metadata(key: "watermark/\(through.microseconds)"))
    }
  }

  package func shutdown() async { await worker.shutdown() }

  /// Everything written before this instant has been sent and acknowledged.
  ///
  /// A row bears the time at which its transaction began, and is seen when that has committed. So the
  /// transactions under way are looked at before the rows: one that is in neither begins later.
  package func measure() async throws -> Timestamp {
    let rows = try await environment.database.transaction(batch: [
      """
      select least(now(), min(xact_start)) from pg_stat_activity
      where usename = current_user and datname = current_database() and pid <> pg_backend_pid()
      """,
      "select min(created_at) from outbox where destination = \(destination)",
    ])
    let running = try rows[0].single()[0, as: Timestamp.self]
    let waiting = try rows[1].single()[0, as: Timestamp?.self]
    return min(running, waiting ?? running) - margin
  }
}
