package import Money
import Seal

/// A seal as it lies in the table.
package struct DaySealRecord: Hashable, Sendable {
  package var number: Int64
  package var day: CivilDate
  package var previousRoot: [UInt8]
  package var root: [UInt8]
  package var document: String

  package init(
    number: Int64,
    day: CivilDate,
    previousRoot: [UInt8],
    root: [UInt8],
    document: String
  ) {
    self.number = number
    self.day = day
    self.previousRoot = previousRoot
    self.root = root
    self.document = document
  }
}

/// Compares seals with each other and with the books.
package enum SealProof {
  /// What a seal's row says that contradicts itself or the one before (nil: it is the first).
  package static func findings(
    _ record: DaySealRecord,
    after previous: DaySealRecord?
  ) -> [BooksFinding] {
    var findings: [BooksFinding] = []
    // Somebody may have written the highest number there.
    let next = max(1, (previous?.number ?? 0) &+ 1)
    if record.number > next {
      findings.append(
        missing(next, day: previous?.day.next, "\(record.number - next) from here on are missing")
      )
    }
    var what: [String] = []
    if record.root != SHA256.hash(record.document) { what.append("root: not that of document") }
    if let seal = DaySeal(document: record.document) {
      if seal.day != record.day { what.append("day: document says \(seal.day)") }
      if seal.number != record.number { what.append("number: document says \(seal.number)") }
      if seal.previousRoot != record.previousRoot {
        what.append("previous_root: document says another")
      }
    } else {
      what.append("document: no seal is written so")
    }
    if record.number == next {
      if record.previousRoot != previous?.root ?? DaySeal.origin {
        what.append("previous_root: not the root of the seal before")
      }
      if let previous, record.day != previous.day.next { what.append("day: not the next one") }
      if !continues(record, previous) {
        what.append("document: its batches do not begin where the seal before ended")
      }
    }
    if !what.isEmpty {
      findings.append(BooksFinding(.sealChanged, day: record.day, what: what.joined(separator: "; ")))
    }
    return findings
  }

  /// A document that cannot be read is said elsewhere.
  private static func continues(_ record: DaySealRecord, _ previous: DaySealRecord?) -> Bool {
    guard let seal = DaySeal(document: record.document) else { return true }
    var ends: [Int16: Int64] = [:]
    if let previous {
      guard let before = DaySeal(document: previous.document) else { return true }
      for shard in before.shards { ends[shard.shard] = shard.lastBatch }
    }
    return seal.shards.allSatisfy { $0.firstBatch == (ends[$0.shard] ?? 0) + 1 }
  }

  package static func missing(_ number: Int64, day: CivilDate?, _ what: String) -> BooksFinding {
    BooksFinding(.sealMissing, day: day, what: "seal \(number): \(what)")
  }

  /// What the books of the day say, as recomputed, against what was sealed.
  package static func finding(_ sealed: DaySeal, recomputed: DaySeal) -> BooksFinding? {
    DaySeal.difference(sealed.document, recomputed.document).map {
      BooksFinding(.sealDiffers, day: sealed.day, what: $0)
    }
  }
}

extension CivilDate {
  package var next: CivilDate { CivilDate(daysSince1970: daysSince1970 + 1) }
}
