import Reactor
import ServiceKit

/// Releases held transactions whose time is over, at whichever replica comes first: the shard's lock
/// and the key of `pending_resolution` let each end once. Then tells people of accounts that are
/// beyond a limit, and of closed ones that moved.
final class PendingKeeper: Sendable {
  /// How often a replica looks.
  static let interval = Duration.seconds(5)
  /// Batches of one round.
  static let batchesMax = 100

  private let worker: WorkerLoop
  private let writer: BatchWriter
  private let limits: LimitAlerts
  private let closings: ClosingAlerts

  init(
    _ environment: ServiceEnvironment,
    writer: BatchWriter,
    limits: LimitAlerts,
    closings: ClosingAlerts
  ) {
    worker = WorkerLoop("pending keeper", environment, every: Self.interval)
    self.writer = writer
    self.limits = limits
    self.closings = closings
  }

  func start() {
    worker.start { [self] in
      for _ in 0..<Self.batchesMax {
        guard try await writer.expireDue() > 0 else { break }
      }
      for _ in 0..<Self.batchesMax {
        guard try await limits.look() > 0 else { break }
      }
      for _ in 0..<Self.batchesMax {
        guard try await closings.look() > 0 else { return }
      }
    }
  }

  func shutdown() async { await worker.shutdown() }
}
