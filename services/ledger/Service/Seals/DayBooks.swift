import LedgerCore
import Money
import Postgres
import Seal

/// Reads what is sealed of a day from the tables, step by step.
struct DayBooks: Sendable {
  /// Rows of `batch` of one look, and transactions whose entries one statement sums (or one batch's).
  static let batchesPerLook: Int64 = 1_000
  static let transactionsPerSum: Int64 = 50_000

  /// Where a shard's part of a day begins: its first batch.
  typealias Places = [Int16: Int64]

  let database: PostgresClient

  private struct Key: Hashable {
    var isLive: Bool
    var currency: String
  }

  /// - Parameters:
  ///   - places: each shard's first batch; 1 where none is named.
  ///   - step: called between two pieces of work; what it throws ends the reading.
  func seal(
    of day: CivilDate,
    number: Int64,
    previousRoot: [UInt8],
    from places: Places,
    without: [LedgerProducer] = [],
    step: @Sendable () async throws -> Void
  ) async throws -> DaySeal {
    var seal = DaySeal(
      day: day,
      number: number,
      previousRoot: previousRoot,
      shards: [],
      sums: [],
      without: without
    )
    var sums: [Key: DaySeal.Sum] = [:]
    for shard in LedgerShard.all {
      var place = try await start(shard, places[shard] ?? 1)
      var isOver = false
      while !isOver {
        let found = try await look(&place, until: DaySealRule.end(of: day))
        isOver = found.isOver
        for piece in found.pieces {
          let rows = try await database.transaction(batch: [
            ProofStore.byKey, SealStore.sums(shard, behind: piece.low, through: piece.high),
          ])[1]
          for row in rows { try Self.add(row, to: &sums) }
          try await step()
        }
      }
      seal.shards.append(place.part)
    }
    seal.sums = sums.values.sorted {
      ($0.isLive ? 1 : 0, $0.currency) < ($1.isLive ? 1 : 0, $1.currency)
    }
    return seal
  }

  /// How far a shard was read.
  private struct Place {
    var part: DaySeal.Shard
    /// The highest sequence so far; nil: the batch before the first is not there.
    var last: BookSequence?
  }

  /// Entries that are summed at once.
  private struct Piece {
    var low: BookSequence
    var high: BookSequence
    var transactions: Int64
  }

  private func start(_ shard: Int16, _ first: Int64) async throws -> Place {
    var part = DaySeal.Shard(
      shard: shard,
      firstBatch: first,
      lastBatch: first - 1,
      transactions: 0,
      head: BatchRecord.origin
    )
    guard first > 1 else { return Place(part: part, last: .zero) }
    guard let row = try await database.query(SealStore.place(shard, first - 1)).first else {
      part.head = []
      return Place(part: part, last: nil)
    }
    part.head = try row[0, as: [UInt8].self]
    return Place(part: part, last: BookSequence(try row[1, as: UUIDBits.self].bits))
  }

  /// The next batches that were recorded before an instant. True: there are no more of them.
  private func look(
    _ place: inout Place,
    until end: Timestamp
  ) async throws -> (pieces: [Piece], isOver: Bool) {
    let rows = try await database.query(
      SealStore.batches(
        place.part.shard,
        after: place.part.lastBatch,
        limit: Self.batchesPerLook
      )
    )
    var pieces: [Piece] = []
    for row in rows {
      guard try row[4, as: Timestamp.self] < end else { return (pieces, true) }
      let first = BookSequence(try row[2, as: UUIDBits.self].bits)
      let low = place.last ?? BookSequence(first.bits &- 1)
      let high = max(low, BookSequence(try row[3, as: UUIDBits.self].bits))
      let transactions = Int64(try row[1, as: Int32.self])
      place.part.lastBatch = try row[0, as: Int64.self]
      place.part.transactions += transactions
      place.part.head = try row[5, as: [UInt8].self]
      place.last = high
      if let piece = pieces.last, piece.transactions + transactions <= Self.transactionsPerSum {
        pieces[pieces.count - 1].high = high
        pieces[pieces.count - 1].transactions += transactions
      } else {
        pieces.append(Piece(low: low, high: high, transactions: transactions))
      }
    }
    return (pieces, rows.count < Int(Self.batchesPerLook))
  }

  private static func add(_ row: Row, to sums: inout [Key: DaySeal.Sum]) throws {
    let key = Key(isLive: try row[0, as: Bool.self], currency: try row[1, as: String.self])
    guard let debits = Int128(try row[2, as: String.self]),
      let credits = Int128(try row[3, as: String.self])
    else { throw PostgresError(.decoding, "a sum is no number") }
    var sum =
      sums[key]
      ?? DaySeal.Sum(
        isLive: key.isLive,
        currency: key.currency,
        debitsMinor: 0,
        creditsMinor: 0,
        entries: 0
      )
    sum.debitsMinor += debits
    sum.creditsMinor += credits
    sum.entries += try row[4, as: Int64.self]
    sums[key] = sum
  }
}

extension DaySeal {
  /// Where the next day begins.
  var nextPlaces: DayBooks.Places {
    Dictionary(shards.map { ($0.shard, $0.lastBatch + 1) }) { first, _ in first }
  }

  var places: DayBooks.Places {
    Dictionary(shards.map { ($0.shard, $0.firstBatch) }) { first, _ in first }
  }
}
