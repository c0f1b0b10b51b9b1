package import LedgerCore
package import Money
package import Postgres
package import Reactor

/// Recomputes the hash chain from the tables alone, a bounded page at a time.
package struct BooksVerifier: Sendable {
  /// Batches of one page, and transactions (or one batch, if it is larger).
  static let batchesMax: Int64 = 64
  static let transactionsMax: Int64 = 4_000
  /// Rows beyond what the batches of a page should have, before the page says so.
  static let surplusMax: Int64 = 1_000
  static let entriesMax: Int64 = 300_000
  static let movementsMax: Int64 = 5_000
  /// Seals of one page, and what their days have (or one day has): batches, transactions.
  static let sealsMax: Int64 = 30
  static let sealedBatchesMax: Int64 = 10_000
  static let sealedTransactionsMax: Int64 = 200_000
  /// Findings of one page.
  package static let findingsMax = 100

  /// Where a page begins.
  package enum Place: Hashable, Sendable {
    /// Behind this batch.
    case batch(Int64)
    /// Behind this movement.
    case movement(LedgerTransactionID)
    /// Behind this seal.
    case seal(Int64)
  }

  package struct Page: Sendable {
    package var findings: [BooksFinding] = []
    package var batches = 0
    package var transactions = 0
    package var movements = 0
    package var seals = 0
    /// The last batch looked at.
    package var head: ProofPlace?
    /// Nil after the last page.
    package var next: Place?
  }

  private let database: PostgresClient
  private let workers: Workers

  package init(database: PostgresClient, workers: Workers) {
    self.database = database
    self.workers = workers
  }

  /// - Parameter step: called between pieces of work of a page that may be long; what it throws ends it.
  package func page(
    _ place: Place,
    step: @Sendable () async throws -> Void = {}
  ) async throws -> Page {
    var page =
      switch place {
      case .batch(let number): try await chain(after: number)
      case .movement(let id): try await movements(after: id)
      case .seal(let number): try await seals(after: number, step)
      }
    page.findings = Array(page.findings.prefix(Self.findingsMax))
    return page
  }

  // MARK: Batches

  private func chain(after number: Int64) async throws -> Page {
    let start = try await self.start(number)
    let rows = try await database.query(
      ProofStore.batches(
        after: number,
        limit: Self.batchesMax,
        transactions: Self.transactionsMax
      )
    )
    guard !rows.isEmpty else { return try await end(start.place) }
    var batches: [BatchRecord] = []
    for row in rows { batches.append(try ProofStore.decodeBatch(row)) }
    // The older format is not ordered: what lies between its batches says nothing.
    if batches[0].format == .unordered {
      batches = [batches[0]]
    } else if let older = batches.firstIndex(where: { $0.format == .unordered }) {
      batches = Array(batches[..<older])
    }
    let low = start.isOrdered ? BookSequence(start.place.last.bits &+ 1) : nil
    var page = try await compare(batches, after: start.place, from: low)
    for index in page.findings.indices where page.findings[index].kind == .batchOutOfOrder {
      try await explain(&page.findings[index], batches)
    }
    page.next = .batch(batches[batches.count - 1].number)
    return page
  }

  private func start(_ number: Int64) async throws -> (place: ProofPlace, isOrdered: Bool) {
    guard number > 0 else { return (.start, true) }
    let rows = try await database.query(ProofStore.place(number))
    guard let row = rows.first else {
      // It was there a page ago: what follows is out of order.
      return (ProofPlace(number: number, hash: [], last: .zero), false)
    }
    let (hash, last, format) = try row.decode(([UInt8], UUIDBits, Int16).self)
    return (
      ProofPlace(number: number, hash: hash, last: BookSequence(last.bits)),
      format != BatchFormat.unordered.rawValue
    )
  }

  /// - Parameter low: the first sequence that belongs to these batches; nil: that of the first one.
  private func compare(
    _ batches: [BatchRecord],
    after start: ProofPlace,
    from low: BookSequence?
  ) async throws -> Page {
    let isOrdered = batches[0].format != .unordered
    let firsts = batches.map(\.first)
    let first = isOrdered ? min(low ?? firsts[0], firsts.min() ?? firsts[0]) : firsts[0]
    let last = batches.map(\.last).max() ?? .zero
    let expected = batches.reduce(Int64(0)) { $0 + Int64($1.transactions) }
    let heads = try await lookUp(
      ProofStore.transactions(
        from: first,
        through: last,
        limit: expected + Self.surplusMax
      )
    )
    let entries = try await database.query(
      ProofStore.entries(from: first, through: last, limit: Self.entriesMax)
    )
    return try await workers.run {
      let (transactions, orphans) = try ProofStore.decode(heads, entries)
      return Self.compare(batches, after: start, transactions, orphans)
    }
  }

  private static func compare(
    _ batches: [BatchRecord],
    after start: ProofPlace,
    _ transactions: [ProofTransaction],
    _ orphans: [BookSequence]
  ) -> Page {
    var page = Page()
    var previous = start
    // Rows by the batch in whose range they lie, whatever order the batches' rows claim.
    let ranges = batches.indices.sorted { batches[$0].first < batches[$1].first }
    var members = [[ProofTransaction]](repeating: [], count: batches.count)
    var range = 0
    for transaction in transactions {
      while range < ranges.count, batches[ranges[range]].last < transaction.sequence { range += 1 }
      if range < ranges.count, batches[ranges[range]].first <= transaction.sequence {
        members[ranges[range]].append(transaction)
      } else {
        page.findings.append(BooksProof.added(transaction, 0))
      }
    }
    for (index, batch) in batches.enumerated() {
      page.findings += BooksProof.findings(batch, after: previous, members[index])
      previous = ProofPlace(
        number: batch.number,
        hash: batch.hash,
        last: max(previous.last, batch.last)
      )
    }
    page.findings += orphans.map(Self.orphan)
    page.batches = batches.count
    page.transactions = transactions.count
    page.head = previous
    return page
  }

  private static func orphan(_ sequence: BookSequence) -> BooksFinding {
    BooksFinding(
      .entryAdded,
      batch: 0,
      sequence: sequence,
      what: "entries whose transaction is not there"
    )
  }

  /// Says which batch it follows instead.
  private func explain(_ finding: inout BooksFinding, _ batches: [BatchRecord]) async throws {
    guard let batch = batches.first(where: { $0.number == finding.batch }),
      batch.previousHash != BatchRecord.origin
    else { return }
    let rows = try await database.query(ProofStore.number(ofHash: batch.previousHash))
    let whose = try rows.first.map { "the hash of batch \(try $0[0, as: Int64.self])" }
    finding.what += "; it follows \(whose ?? "a hash that no batch has")"
  }

  /// What lies behind the chain's end, and what else knows where the end was.
  private func end(_ place: ProofPlace) async throws -> Page {
    var page = Page()
    page.head = place
    let limit = Int64(Self.findingsMax)
    for row in try await lookUp(ProofStore.strays(behind: place.last, limit: limit)) {
      page.findings.append(BooksProof.added(try ProofStore.decodeHead(row), 0))
    }
    let strays = try await lookUp(ProofStore.strayEntries(behind: place.last, limit: limit))
    page.findings += try strays.column(as: UUIDBits.self).map {
      Self.orphan(BookSequence($0.bits))
    }
    for row in try await database.query(ProofStore.lostEnd) {
      let (number, batch) = try row.decode((Int64, Int64).self)
      page.findings.append(
        BooksFinding(
          .batchMissing,
          batch: number + 1,
          what: "balances were posted by batches up to \(batch)"
        )
      )
    }
    for number in try await database.query(ProofStore.lostHeads(limit: limit))
      .column(as: Int64.self)
    {
      page.findings.append(
        BooksFinding(
          .headLost,
          batch: number,
          what: "its hash is not the one that an earlier check saw"
        )
      )
    }
    page.next = .movement(LedgerTransactionID(bits: 0))
    return page
  }

  private func lookUp(_ statement: Statement) async throws -> Rows {
    try await database.transaction(batch: [ProofStore.byKey, statement])[1]
  }

  // MARK: Movements

  private func movements(after id: LedgerTransactionID) async throws -> Page {
    var page = Page()
    let rows = try await lookUp(ProofStore.movements(after: id, limit: Self.movementsMax))
    for row in rows {
      let (id, sequence, isThere) = try row.decode((LedgerTransactionID, UUIDBits, Bool).self)
      if !isThere {
        page.findings.append(
          BooksFinding(
            .transactionMissing,
            batch: 0,
            sequence: BookSequence(sequence.bits),
            transaction: id,
            what: "its movement is there, the row of transaction is not"
          )
        )
      }
      page.next = .movement(id)
    }
    page.movements = rows.count
    if rows.count < Int(Self.movementsMax) {
      let isSealed = try await database.query(SealStore.isAny).single()[0, as: Bool.self]
      page.next = isSealed ? .seal(0) : nil
    }
    return page
  }

  // MARK: Seals

  private func seals(
    after number: Int64,
    _ step: @Sendable () async throws -> Void
  ) async throws -> Page {
    var page = Page()
    var previous = try await database.query(SealStore.seal(number)).first
      .map { try SealStore.decode($0).record }
    let rows = try await database.query(SealStore.seals(after: number, limit: Self.sealsMax))
    var (batches, transactions): (Int64, Int64) = (0, 0)
    for row in rows {
      let record = try SealStore.decode(row).record
      page.findings += SealProof.findings(record, after: previous)
      if let seal = DaySeal(document: record.document) {
        batches += max(1, seal.batches)
        transactions += seal.transactions
        let books = try await DayBooks(database: database).seal(
          of: seal.day,
          number: seal.number,
          previousRoot: seal.previousRoot,
          from: seal.places,
          without: seal.without,
          step: step
        )
        if let finding = SealProof.finding(seal, recomputed: books) {
          page.findings.append(finding)
        }
      }
      previous = record
      page.seals += 1
      page.next = .seal(record.number)
      if batches >= Self.sealedBatchesMax || transactions >= Self.sealedTransactionsMax {
        return page
      }
    }
    if rows.count < Int(Self.sealsMax) {
      page.findings += try await lostSeals()
      page.next = nil
    }
    return page
  }

  private func lostSeals() async throws -> [BooksFinding] {
    try await database.query(SealStore.lost(limit: Int64(Self.findingsMax)))
      .column(as: Int64.self).map {
        SealProof.missing($0, day: nil, "its root is not the one that an earlier check saw")
      }
  }
}
