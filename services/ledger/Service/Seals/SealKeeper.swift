import LedgerCore
import Logging
import Money
import Reactor
import ServiceKit

/// Seals the days that are over, at whichever replica comes first; the others find it done.
final class SealKeeper: Sendable {
  /// How often a replica looks.
  static let interval = Duration.seconds(60)
  /// Days of one round.
  static let daysMax = 31

  private let worker: WorkerLoop
  private let sealer: DaySealer

  init(_ environment: ServiceEnvironment, sealer: DaySealer) {
    worker = WorkerLoop(
      "seal keeper",
      environment,
      every: Self.interval,
      afterFailure: Self.interval
    )
    self.sealer = sealer
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Answers how many days were sealed.
  @discardableResult
  func work() async throws -> Int {
    do {
      for sealed in 0..<Self.daysMax {
        guard case .sealed = try await sealer.sealNext() else { return sealed }
      }
      return Self.daysMax
    } catch {
      try await sealer.raise(error)
      throw error
    }
  }
}

/// What metrics say of seals, read when somebody asks.
struct SealGauges: Sendable {
  let sealer: DaySealer

  func families() async throws -> [MetricFamily] {
    let look = try await sealer.look()
    let today = look.now.date.daysSince1970
    let unsealed = look.nextDay.map { max(0, today - $0.daysSince1970) } ?? 0
    return [
      MetricFamily(
        "tender_ledger_unsealed_days",
        .gauge,
        "Days that are over and not sealed; 1 for a while after midnight.",
        Double(unsealed)
      ),
      MetricFamily(
        "tender_ledger_watermark_age_seconds",
        .gauge,
        "How long ago each producer had told everything; -1: it has never said so.",
        LedgerProducer.allCases.map { producer in
          let age = look.watermarks[producer].map {
            (look.now - Timestamp(microseconds: $0.throughMicroseconds)).wholeMicroseconds
          }
          return MetricSeries(
            [MetricLabel("producer", producer.rawValue)],
            .number(age.map { Double($0) / 1_000_000 } ?? -1)
          )
        }
      ),
    ]
  }
}
