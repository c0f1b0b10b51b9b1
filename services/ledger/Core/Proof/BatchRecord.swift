import Money
import Seal

/// How a batch is numbered and hashed. The raw values are stored.
package enum BatchFormat: Int16, Hashable, Sendable {
  /// The caller gave the numbers; the hash covers the leaves, which are not kept.
  case unordered = 1
  /// The database gives the numbers in order of commit; the hash covers the whole row, leaves too.
  case ordered = 2
  /// The same, with transactions that do more than move money at once (`PostingAction`): the release
  /// before must not judge what it cannot read.
  case extended = 3
  /// The same, with transactions that have metadata.
  case described = 4
}

/// A batch as it lies in the table.
package struct BatchRecord: Hashable, Sendable {
  package static let leafSize = SHA256.size
  /// What the first batch follows.
  package static let origin = [UInt8](repeating: 0, count: SHA256.size)

  package var shard: Int16
  /// From 1, without a gap.
  package var number: Int64
  package var transactions: Int32
  // Halves of the ids, for the reason given at `EntityID`.
  package var first: BookSequence
  package var last: BookSequence
  package var recordedAtMicroseconds: Int64
  package var previousHash: [UInt8]
  package var hash: [UInt8]
  package var format: BatchFormat
  /// The leaves of its transactions in order, 32 bytes each; none in the older format.
  package var leaves: [UInt8]
  /// Which items of the command were created, from 0; nil: all.
  package var positions: [Int32]?

  package init(
    shard: Int16,
    number: Int64,
    transactions: Int32,
    first: BookSequence,
    last: BookSequence,
    recordedAtMicroseconds: Int64,
    previousHash: [UInt8],
    hash: [UInt8],
    format: BatchFormat,
    leaves: [UInt8],
    positions: [Int32]?
  ) {
    self.shard = shard
    self.number = number
    self.transactions = transactions
    self.first = first
    self.last = last
    self.recordedAtMicroseconds = recordedAtMicroseconds
    self.previousHash = previousHash
    self.hash = hash
    self.format = format
    self.leaves = leaves
    self.positions = positions
  }

  /// SHA-256 over the previous hash and everything of this batch.
  ///
  /// - Parameter recomputed: the leaves of the transactions as they are now, for a format that does
  ///   not keep them.
  package func computedHash(leaves recomputed: [UInt8]) -> [UInt8] {
    var fixed = CanonicalBytes(capacity: 128)
    fixed.append(shard)
    fixed.append(number)
    fixed.append(transactions)
    switch format {
    case .unordered:
      return SHA256.hash(previousHash + fixed.bytes + recomputed)
    case .ordered, .extended, .described:
      fixed.append(first.bits)
      fixed.append(last.bits)
      fixed.append(recordedAtMicroseconds)
      fixed.append(Int32(positions?.count ?? 0))
      for position in positions ?? [] { fixed.append(position) }
      let name = "tender.batch.v\(format.rawValue)"
      return SHA256.hash(Array(name.utf8) + previousHash + fixed.bytes + leaves)
    }
  }

  /// Sequence and leaf of each transaction that the batch had when it was made; nil where the
  /// format does not say, or the row contradicts itself.
  package var expected: [(sequence: BookSequence, leaf: ArraySlice<UInt8>)]? {
    let count = leaves.count / Self.leafSize
    guard format != .unordered, leaves.count == count * Self.leafSize, count == Int(transactions),
      positions.map({ $0.count == count }) ?? true
    else { return nil }
    return (0..<count).map { index in
      let position = positions?[index] ?? Int32(index)
      return (
        BookSequence(first.bits &+ UInt128(UInt32(bitPattern: position))),
        leaves[(index * Self.leafSize)..<((index + 1) * Self.leafSize)]
      )
    }
  }
}
