import LedgerCore
import Money
package import Postgres
import Seal

/// Recomputes the hash chain from the tables alone.
package struct ChainVerifier: Sendable {
  package enum Finding: Hashable, Sendable {
    /// The chain holds; batches looked at.
    case intact(batches: Int64)
    /// The first batch whose content, number or predecessor is not what its hash covers.
    case broken(batch: Int64)
  }

  private let database: PostgresClient

  package init(database: PostgresClient) {
    self.database = database
  }

  package func verify() async throws -> Finding {
    var previous = [UInt8](repeating: 0, count: SHA256.size)
    var number: Int64 = 1
    while true {
      let rows = try await database.query(
        """
        select previous_hash, hash, transactions from batch
        where shard = \(LedgerShard.only) and number = \(number)
        """
      )
      guard let row = rows.first else { break }
      let (before, hash, count) = try row.decode(([UInt8], [UInt8], Int32).self)
      let transactions = try TransactionStore.decode(
        try await database.query(TransactionStore.ofBatch(number))
      )
      var bytes = CanonicalBytes()
      bytes.append(LedgerShard.only)
      bytes.append(number)
      bytes.append(count)
      let leaves = transactions.flatMap { SHA256.hash($0.recorded.leafBytes) }
      guard before == previous, transactions.count == Int(count),
        SHA256.hash(previous + bytes.bytes + leaves) == hash
      else { return .broken(batch: number) }
      previous = hash
      number += 1
    }
    let last = try await database.query(
      "select coalesce(max(number), 0) from batch where shard = \(LedgerShard.only)"
    )
    guard try last.single()[0, as: Int64.self] == number - 1 else { return .broken(batch: number) }
    return .intact(batches: number - 1)
  }
}
