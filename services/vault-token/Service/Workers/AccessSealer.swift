import Money
import Postgres
import ServiceKit
import VaultCore

/// In the background: chains the rows of the audit, per merchant and in batches. A row waits for
/// its link as long as the interval; what waits is marked, so that none is passed over.
final class AccessSealer: Sendable {
  static let interval = Duration.seconds(2)
  /// Rows of one transaction.
  static let batchMax = Int64(AccessSeal.rowsMax)

  private let environment: ServiceEnvironment
  private let worker: WorkerLoop
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))

  init(_ environment: ServiceEnvironment) {
    self.environment = environment
    worker = WorkerLoop("access sealer", environment, every: Self.interval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Seals what waits; answers how many rows.
  @discardableResult
  func work() async throws -> Int {
    guard
      let lease = try await WorkerLease.acquire(
        "access sealer", holder: holder, environment.database)
    else { return 0 }
    var sealed = 0
    while !Task.isCancelled {
      let count = try await sealBatch(lease)
      sealed += count
      if count < Int(Self.batchMax) { break }
    }
    return sealed
  }

  /// One link for each merchant of the batch. Two sealers at once could not both commit: the
  /// number of a link is unique.
  private func sealBatch(_ lease: WorkerLease) async throws -> Int {
    let now = environment.clock.now
    return try await environment.database.transaction { transaction in
      // Somebody else goes on when the lease is lost.
      guard try await transaction.query(lease.renewal()).affected == 1 else { return 0 }
      let waiting = try await transaction.query(AccessSealStore.waiting(limit: Self.batchMax))
      let rows = try waiting.map { try AccessRecord(row: $0) }
      guard !rows.isEmpty else { return 0 }
      let byMerchant = Dictionary(grouping: rows, by: \.merchant)
      var heads: [MerchantID: (number: Int64, hash: [UInt8])] = [:]
      for row in try await transaction.query(AccessSealStore.heads(of: Array(byMerchant.keys))) {
        let (merchant, number, hash) = try row.decode((MerchantID, Int64, [UInt8]).self)
        heads[merchant] = (number, hash)
      }
      let seals = byMerchant.map { merchant, rows in
        AccessSeal(
          of: rows, merchant: merchant, number: (heads[merchant]?.number ?? 0) + 1,
          after: heads[merchant]?.hash ?? AccessSeal.origin, atMicroseconds: now.microseconds)
      }
      _ = try await transaction.batch(seals.flatMap(AccessSealStore.insert))
      return rows.count
    }
  }
}
