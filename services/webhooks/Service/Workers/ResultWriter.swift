import Logging
import Money
import Outbox
import Postgres
import Reactor
import WebhooksCore

/// Writes attempts in batches: what ends while one statement runs goes with the next. On the loop
/// only.
final class ResultWriter: @unchecked Sendable {
  static let batchMax = 256
  /// Tries of one batch; then the leases run out and the deliveries are attempted again.
  static let triesMax = 5
  static let pause = Duration.milliseconds(300)

  private let loop: EventLoop
  private let database: PostgresClient
  private let logger: Logger
  private var waiting: [(result: AttemptResult, done: CheckedContinuation<Void, Never>)] = []
  private var isWriting = false

  init(loop: EventLoop, database: PostgresClient, logger: Logger) {
    self.loop = loop
    self.database = database
    self.logger = logger
  }

  /// Returns when the attempt is written, or given up after an error of the database.
  func record(_ result: AttemptResult) async {
    loop.preconditionCurrent()
    await withCheckedContinuation { done in
      waiting.append((result, done))
      guard !isWriting else { return }
      isWriting = true
      _ = loop.spawn(name: "delivery results") { [self] in await drain() }
    }
  }

  private func drain() async {
    while !waiting.isEmpty {
      let batch = Array(waiting.prefix(Self.batchMax))
      waiting.removeFirst(batch.count)
      await write(batch.map(\.result))
      for entry in batch { entry.done.resume() }
    }
    isWriting = false
  }

  private func write(_ results: [AttemptResult]) async {
    let statements = Self.statements(results)
    for attempt in 1...Self.triesMax {
      do {
        if statements.count == 1 {
          _ = try await database.query(statements[0])
        } else {
          try await database.transaction(batch: statements)
        }
        return
      } catch {
        logger.warning(
          "attempts not written", metadata: ["count": "\(results.count)", "error": "\(error)"])
        guard attempt < Self.triesMax else { return }
        do { try await loop.sleep(for: Self.pause) } catch { return }
      }
    }
  }

  static func statements(_ results: [AttemptResult]) -> [Statement] {
    var statements = [DeliveryStatements.record(results)]
    let gone = Set(results.filter(\.change.disablesEndpoint).map(\.delivery.endpoint)).sorted()
    if !gone.isEmpty {
      statements += [
        EndpointStatements.disableGone(gone, actor: DeliveryStatements.actor),
        EndpointStatements.endDeliveries(of: gone, actor: DeliveryStatements.actor),
      ]
    }
    var alerted: Set<EndpointID> = []
    for result in results where result.change.state == .undeliverable {
      guard alerted.insert(result.delivery.endpoint).inserted else { continue }
      statements.append(alert(result))
    }
    return statements
  }

  private static func alert(_ result: AttemptResult) -> Statement {
    let message =
      result.change.disablesEndpoint
      ? "An endpoint answered 410 and was disabled; what waited for it is undeliverable."
      : "Deliveries to an endpoint were given up after the last try; RetryDelivery sends them again."
    return Alerts.raise(
      Alert(
        .warning, kind: "webhooks.undeliverable", subject: result.delivery.endpoint.description,
        message: message, actor: DeliveryStatements.actor,
        merchant: UUIDBits(result.delivery.merchant.bits)))
  }
}
