package import GRPCCore
import Logging
package import Postgres
package import ServiceKit

/// The service `ledger`. Its settings: `ReconSettings`, `ForecastSettings`, `SealFiles`.
package final class LedgerServer: TenderService {
  package static let name = ServiceName.ledger
  package static var migrations: [Migration] { LedgerService.migrations }

  private let environment: ServiceEnvironment
  private let writer: BatchWriter
  private let alerts: PostingAlerts
  private let partitions: PartitionKeeper
  private let proof: ProofKeeper
  private let pending: PendingKeeper
  private let events: ServiceRelay
  private let sealer: DaySealer
  private let seals: SealKeeper
  private let reconciliation: ReconSettings
  private let comparisons: ReconKeeper
  private let forecastSettings: ForecastSettings
  private let forecasts: ForecastKeeper

  package init(_ environment: ServiceEnvironment) async throws {
    self.environment = environment
    reconciliation = try ReconSettings(environment.settings)
    alerts = PostingAlerts(database: environment.database)
    writer = BatchWriter(
      loop: environment.loop,
      workers: environment.workers,
      database: environment.database,
      // The database's: what is due by the books is due for all replicas alike.
      clock: nil,
      alerts: alerts,
      logger: environment.logger
    )
    partitions = PartitionKeeper(environment)
    proof = ProofKeeper(environment)
    pending = PendingKeeper(
      environment,
      writer: writer,
      limits: LimitAlerts(database: environment.database),
      closings: ClosingAlerts(database: environment.database)
    )
    comparisons = ReconKeeper(environment, reconciliation)
    forecastSettings = try ForecastSettings(environment.settings)
    forecasts = ForecastKeeper(environment, forecastSettings)
    let forecastGauges = ForecastGauges(database: environment.database)
    environment.metrics.add("forecast") { try await forecastGauges.families() }
    let events = SealEvents.relay(environment)
    let files = SealFiles(environment.settings)
    if files.folder == nil {
      environment.logger.warning("without the setting seals.folder, seals have no files")
    }
    let sealer = DaySealer(environment, files: files) { events.wake() }
    self.events = events
    self.sealer = sealer
    seals = SealKeeper(environment, sealer: sealer)
    let sealGauges = SealGauges(sealer: sealer)
    environment.metrics.add("seals") { try await sealGauges.families() }
  }

  package var handlers: [any RegistrableRPCService] {
    [
      LedgerHandler(environment: environment, writer: writer, alerts: alerts),
      LedgerHistoryHandler(database: environment.database), LedgerProofHandler(environment),
      ReconciliationHandler(environment, reconciliation),
      SettlementHandler(environment, reconciliation), ReconSealsHandler(environment, reconciliation),
      ForecastHandler(environment, forecastSettings),
      DaySealsHandler(environment: environment, sealer: sealer),
    ]
  }

  package func start() async throws {
    partitions.start()
    proof.start()
    pending.start()
    comparisons.start()
    forecasts.start()
    events.start()
    seals.start()
  }

  /// Batches under way end by themselves; the loop awaits them.
  package func shutdown() async {
    await comparisons.shutdown()
    await forecasts.shutdown()
    await seals.shutdown()
    await events.shutdown()
    await pending.shutdown()
    await proof.shutdown()
    await partitions.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    [
      QueueReport(name: "postings", length: Int64(writer.waiting), oldestAgeSeconds: 0),
      try await comparisons.queue(),
      try await events.report(),
    ]
  }
}
