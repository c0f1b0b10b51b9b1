package import Money
import Seal

/// What is sealed of a day: where the chain of each shard stood at its end, and what the entries of
/// its batches come to. Its text is the seal: table, file and root are made of it.
package struct DaySeal: Hashable, Sendable {
  /// The day's part of a shard's chain; without batches `lastBatch` is one below `firstBatch`.
  package struct Shard: Hashable, Sendable {
    package var shard: Int16
    package var firstBatch: Int64
    package var lastBatch: Int64
    package var transactions: Int64
    /// Of the last batch up to the day's end.
    package var head: [UInt8]

    package init(
      shard: Int16,
      firstBatch: Int64,
      lastBatch: Int64,
      transactions: Int64,
      head: [UInt8]
    ) {
      self.shard = shard
      self.firstBatch = firstBatch
      self.lastBatch = lastBatch
      self.transactions = transactions
      self.head = head
    }

    package var batches: Int64 { lastBatch - firstBatch + 1 }
  }

  /// All merchants' entries in one currency, live and test apart. Beyond 64 bits, as many accounts
  /// are summed.
  package struct Sum: Hashable, Sendable {
    package var isLive: Bool
    package var currency: String
    package var debitsMinor: Int128
    package var creditsMinor: Int128
    package var entries: Int64

    package init(
      isLive: Bool,
      currency: String,
      debitsMinor: Int128,
      creditsMinor: Int128,
      entries: Int64
    ) {
      self.isLive = isLive
      self.currency = currency
      self.debitsMinor = debitsMinor
      self.creditsMinor = creditsMinor
      self.entries = entries
    }
  }

  /// What the first seal follows.
  package static let origin = [UInt8](repeating: 0, count: SHA256.size)
  /// Of a text, as the table allows.
  package static let bytesMax = 65_536
  /// Above any number of a batch, a seal or a count: what as many shards as a text holds come to stays
  /// within 64 bits, whatever somebody wrote there.
  static let numberMax: Int64 = 1 << 52

  package var day: CivilDate
  /// From 1, without a gap.
  package var number: Int64
  package var previousRoot: [UInt8]
  /// By number.
  package var shards: [Shard]
  /// Test before live, by currency.
  package var sums: [Sum]
  /// Who had not told everything, and was not waited for.
  package var without: [LedgerProducer]

  package init(
    day: CivilDate,
    number: Int64,
    previousRoot: [UInt8],
    shards: [Shard],
    sums: [Sum],
    without: [LedgerProducer] = []
  ) {
    self.day = day
    self.number = number
    self.previousRoot = previousRoot
    self.shards = shards
    self.sums = sums
    self.without = without
  }

  /// SHA-256 of the text: `sha256sum` of the file says the same.
  package var root: [UInt8] { SHA256.hash(document) }

  /// Whether the other one says the same, but for who was not waited for.
  package func differsInWithout(_ other: DaySeal) -> Bool {
    var same = other
    same.without = without
    return other.without != without && same == self
  }

  package var batches: Int64 { shards.reduce(0) { $0 + $1.batches } }
  package var transactions: Int64 { shards.reduce(0) { $0 + $1.transactions } }

  // MARK: Text

  static let title = "tender day seal 1"

  /// One fact a line, words between single spaces, nothing that could be written in two ways.
  package var document: String {
    lines.map { $0 + "\n" }.joined()
  }

  private var lines: [String] {
    [Self.title, "day \(day)", "number \(number)", "previous \(Hex.encode(previousRoot))"]
      + shards.map {
        "shard \($0.shard) first_batch \($0.firstBatch) last_batch \($0.lastBatch) transactions "
          + "\($0.transactions) head \(Hex.encode($0.head))"
      }
      + sums.map {
        "sum \($0.isLive ? "live" : "test") \($0.currency) debits \($0.debitsMinor) credits "
          + "\($0.creditsMinor) entries \($0.entries)"
      } + without.map { "without \($0.rawValue)" }
  }

  /// Nil for a text that no seal has.
  package init?(document: String) {
    guard document.utf8.count <= Self.bytesMax else { return nil }
    let lines = document.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 5, lines[0] == Self.title else { return nil }
    var words = lines.dropFirst().dropLast().map { SealWords($0) }
    guard let day = words[0].value("day").flatMap({ CivilDate(isoText: $0) }),
      let number = words[1].value("number").flatMap({ Int64($0) }), 1...Self.numberMax ~= number,
      let previous = words[2].value("previous").flatMap({ Hex.decode(String($0)) })
    else { return nil }
    self.init(day: day, number: number, previousRoot: previous, shards: [], sums: [])
    for index in words.indices.dropFirst(3) {
      if let shard = Shard(&words[index]) {
        shards.append(shard)
      } else if let sum = Sum(&words[index]) {
        sums.append(sum)
      } else if let name = words[index].value("without"),
        let producer = LedgerProducer(rawValue: String(name))
      {
        without.append(producer)
      } else {
        return nil
      }
    }
    // Whatever is written otherwise than here is another text.
    guard self.document == document else { return nil }
  }

  /// The first lines in which two texts differ, as they say it; nil if they are the same.
  package static func difference(_ sealed: String, _ found: String) -> String? {
    guard sealed != found else { return nil }
    let left = sealed.split(separator: "\n", omittingEmptySubsequences: false)
    let right = found.split(separator: "\n", omittingEmptySubsequences: false)
    let index = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      ?? min(left.count, right.count)
    func line(_ lines: [Substring]) -> String {
      let text = index < lines.count ? lines[index] : ""
      return text.isEmpty ? "nothing" : "`\(text.prefix(200))`"
    }
    return "\(line(left)) was sealed, it is \(line(right))"
  }
}

/// The words of one line, read from the left.
private struct SealWords {
  private var words: ArraySlice<Substring>

  init(_ line: Substring) {
    words = line.split(separator: " ", omittingEmptySubsequences: false)[...]
  }

  /// The word behind this one.
  mutating func value(_ name: String) -> Substring? {
    guard words.count >= 2, words.first == Substring(name) else { return nil }
    words.removeFirst()
    return words.removeFirst()
  }

  mutating func number<Number: FixedWidthInteger>(
    _ name: String,
    as type: Number.Type = Number.self
  ) -> Number? {
    value(name).flatMap { Number($0) }
  }

  mutating func word() -> Substring? { words.isEmpty ? nil : words.removeFirst() }
}

extension DaySeal.Shard {
  fileprivate init?(_ line: inout SealWords) {
    guard let shard = line.number("shard", as: Int16.self),
      let first = line.number("first_batch", as: Int64.self),
      let last = line.number("last_batch", as: Int64.self),
      let transactions = line.number("transactions", as: Int64.self),
      let head = line.value("head").flatMap({ Hex.decode(String($0)) }),
      1...DaySeal.numberMax ~= first, first - 1...DaySeal.numberMax ~= last,
      0...DaySeal.numberMax ~= transactions
    else { return nil }
    self.init(
      shard: shard,
      firstBatch: first,
      lastBatch: last,
      transactions: transactions,
      head: head
    )
  }
}

extension DaySeal.Sum {
  fileprivate init?(_ line: inout SealWords) {
    guard let book = line.value("sum"), let currency = line.word(),
      let debits = line.number("debits", as: Int128.self),
      let credits = line.number("credits", as: Int128.self),
      let entries = line.number("entries", as: Int64.self)
    else { return nil }
    self.init(
      isLive: book == "live",
      currency: String(currency),
      debitsMinor: debits,
      creditsMinor: credits,
      entries: entries
    )
  }
}

extension CivilDate {
  /// From "2026-11-28", and nothing else.
  package init?(isoText text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let year = Int(parts[0]), let month = Int(parts[1]),
      let day = Int(parts[2])
    else { return nil }
    self.init(year: year, month: month, day: day)
    guard description == String(text) else { return nil }
  }
}
