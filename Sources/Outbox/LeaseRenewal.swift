import Logging
import Money
import Postgres
import Reactor

/// Keeps a batch claimed while it is being sent: the lease can be short, so that the rows of a
/// killed process are soon sent by another, and a slow receiver still gets them once.
///
/// Touched only on the loop.
final class LeaseRenewal: @unchecked Sendable {
  /// Renewals within one lease.
  static let perLease: Int64 = 3
  /// A `send` that has not ended after this many leases has hung: its rows are let go.
  static let leasesMax: Int64 = 9

  private let store: OutboxStore
  private let rows: [OutboxRow]
  private let lease: Duration
  private let logger: Logger
  private var timer: TimerToken?
  private var running: Task<Void, Never>?
  private var left: Int64
  private var isEnded = false

  init(_ rows: [OutboxRow], _ store: OutboxStore, lease: Duration, logger: Logger) {
    self.rows = rows
    self.store = store
    self.lease = lease
    self.logger = logger
    left = Self.leasesMax * Self.perLease
  }

  func start() {
    let interval = lease.wholeMicroseconds / Self.perLease
    guard interval > 0 else { return }
    onLoop { renewal in renewal.arm(.microseconds(interval)) }
  }

  /// Returns when no renewal is on its way.
  func end() async {
    let last = await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Task<Void, Never>?, Never>) in
      onLoop { renewal in
        renewal.isEnded = true
        renewal.timer?.cancel()
        continuation.resume(returning: renewal.running)
      }
    }
    await last?.value
  }

  private func arm(_ interval: Duration) {
    guard !isEnded, left > 0 else { return }
    left -= 1
    timer = store.client.loop.schedule(after: interval) { [weak self] in
      guard let self, !isEnded else { return }
      running = store.client.loop.spawn(name: "outbox lease") { [self] in
        do {
          try await store.renew(rows, lease: lease)
        } catch {
          logger.warning("an outbox lease was not renewed", metadata: ["error": "\(error)"])
        }
        onLoop { $0.arm(interval) }
      }
    }
  }

  private func onLoop(_ body: @escaping @Sendable (LeaseRenewal) -> Void) {
    let loop = store.client.loop
    if loop.isCurrent { body(self) } else { loop.execute { body(self) } }
  }
}
