import LedgerCore
import Money
import Postgres
import Reactor
import Seal
import ServiceKit

/// Takes a report over, whole or not at all: in one message, or in parts that wait in the database until
/// the last one is there. Reading and encoding are a worker's; the loop only sends. A transaction of an
/// import awaits workers between its statements: they wait for nobody.
struct ReconImporter: Sendable {
  let environment: ServiceEnvironment
  let terms: ReportTerms
  let id: ReconFileID

  init(_ environment: ServiceEnvironment, _ terms: ReportTerms) {
    self.environment = environment
    self.terms = terms
    id = environment.identifiers.make(ReconFileID.self)
  }

  /// A report in one message, read before its transaction begins.
  struct Prepared: Sendable {
    var report: ReadReport
    var rows: [CopyRows]
  }

  /// What is wrong with the file is the call's stored answer: it is thrown within the transaction.
  func prepare(_ content: [UInt8]) async throws -> Result<Prepared, ReportRefusal> {
    try await environment.workers.run { [terms, id] in
      Result { () throws(ReportRefusal) in
        let (bytes, reader) = try Self.tools(terms, linesMax: ReportFile.linesMax)
        bytes.add(content)
        try bytes.check(terms, bytesMax: ReportFile.bytesMax)
        var lines = try reader.read(content)
        lines += try reader.finish()
        return Prepared(
          report: ReadReport(reader, bytes: content.count),
          rows: ReconImport.rows(lines, of: id, terms)
        )
      }
    }
  }

  func take(
    _ prepared: Prepared,
    in transaction: borrowing Transaction
  ) async throws -> ReconFileRecord {
    try await begin(in: transaction)
    try await Self.copy(prepared.rows, in: transaction)
    return try await end(prepared.report, in: transaction)
  }

  /// A part as it waits: nobody reads it without the key of whoever sends it.
  func seal(_ content: [UInt8], _ seal: ReportPartSeal) async throws -> [UInt8] {
    try await environment.workers.run { try seal.seal(content) }
  }

  /// One part.
  ///
  /// - Returns: how many parts are there, and the file if these are all.
  func take(
    sealed: [UInt8],
    _ seal: ReportPartSeal,
    in transaction: borrowing Transaction
  ) async throws -> (received: Int64, file: ReconFileRecord?) {
    let count = seal.count
    try await ReconTurn.take(terms.account, in: transaction)
    let kept = try await transaction.batch([
      ReconImport.keep(sealed, part: seal.part, of: count, terms),
      ReconImport.countParts(of: count, terms),
    ])
    let received = try kept[1].single()[0, as: Int64.self]
    guard received == Int64(count) else { return (received, nil) }
    let (bytes, reader) = try Self.tools(terms, linesMax: ReportFile.linesOfPartsMax)
    for part in 1...count {
      let content = try await load(seal.of(part), in: transaction)
      try await environment.workers.run { bytes.add(content) }
    }
    do throws(ReportRefusal) {
      try bytes.check(terms, bytesMax: ReportFile.partsMax * ReportFile.bytesMax)
    } catch {
      throw ReconciliationHandler.failure(error)
    }
    try await begin(in: transaction)
    // The database writes one part while a worker reads the next.
    var waiting: [CopyRows] = []
    for part in 1...count {
      let content = try await load(seal.of(part), in: transaction)
      async let next = rows { () throws(ReportRefusal) in try reader.read(content) }
      try await Self.copy(waiting, in: transaction)
      waiting = try await next
    }
    waiting += try await rows { () throws(ReportRefusal) in try reader.finish() }
    try await Self.copy(waiting, in: transaction)
    let read = try await environment.workers.run { ReadReport(reader, bytes: bytes.count) }
    let file = try await end(read, in: transaction)
    _ = try await transaction.query(ReconImport.forgetParts(terms))
    return (received, file)
  }

  private func load(
    _ seal: ReportPartSeal,
    in transaction: borrowing Transaction
  ) async throws -> [UInt8] {
    let sealed = try await transaction.query(ReconImport.part(seal.part, terms)).single()[
      0,
      as: [UInt8].self
    ]
    let opened = try await environment.workers.run {
      Result { () throws(SealError) in try seal.open(sealed) }
    }
    guard case .success(let content) = opened else {
      throw RPCFailure.failedPrecondition(
        "PART_KEY_DIFFERS",
        "The parts of this report were sealed with several keys: send all of them again with one."
      )
    }
    return content
  }

  private func rows(
    _ lines: @escaping @Sendable () throws(ReportRefusal) -> [StagedLine]
  ) async throws -> [CopyRows] {
    try await environment.workers.run { [terms, id] in
      Result { () throws(ReportRefusal) in ReconImport.rows(try lines(), of: id, terms) }
    }.mapError { ReconciliationHandler.failure($0) }.get()
  }

  /// All of them by one statement, so that their trigger opens them all at once.
  private static func copy(
    _ rows: [CopyRows],
    in transaction: borrowing Transaction
  ) async throws {
    guard !rows.isEmpty else { return }
    var left = rows.makeIterator()
    try await transaction.copy(into: ReconImport.lines) { left.next() }
  }

  /// - Throws: `BOOKS_UNKNOWN`, `REPORT_DUPLICATE`, `RECONCILIATION_RUNNING`.
  private func begin(in transaction: borrowing Transaction) async throws {
    try await ReconTurn.take(terms.account, in: transaction)
    let found = try await transaction.batch([
      ReconSteps.limit(
        statementMilliseconds: ReconTurn.statementMilliseconds(of: ReconRun.statementMilliseconds)
      ), ReconBookings(terms.book).isOfTheOtherBooks(), ReconImport.find(terms),
    ])
    if let row = found[1].first, try row[0, as: Bool.self] { throw booksUnknown }
    guard found[2].isEmpty else {
      throw ReconciliationHandler.failure(ReportRefusal(.duplicate, "it was imported before"))
    }
  }

  /// A report that is taken for the wrong books cannot be given back: every line of it would be a
  /// break for ever. Where the books know the account only as the other one, it is a mistake.
  private var booksUnknown: RPCFailure {
    .failedPrecondition(
      "BOOKS_UNKNOWN",
      "The \(terms.isLive ? "live" : "test") books know no such account, and the other ones do: name "
        + "those (`--live`, or without it), or book its first movement before.",
      metadata: ["livemode": "\(!terms.isLive)"]
    )
  }

  /// - Throws: `REPORT_REENCODED`.
  private func end(
    _ report: ReadReport,
    in transaction: borrowing Transaction
  ) async throws -> ReconFileRecord {
    let record = ReconFileRecord(report, terms, id: id, at: environment.clock.now)
    let inserted = try await transaction.query(ReconImport.insert(record, environment.stamp))
    guard !inserted.isEmpty else {
      throw ReconciliationHandler.failure(
        ReportRefusal(.reencoded, "its lines were imported from another file")
      )
    }
    if let payouts = ReconImport.payouts(of: record, report.payoutDays) {
      _ = try await transaction.query(payouts)
    }
    return record
  }

  private static func tools(
    _ terms: ReportTerms,
    linesMax: Int
  ) throws(ReportRefusal) -> (ReportBytes, ReportReader) {
    do throws(SealError) {
      return (try ReportBytes(), try ReportReader(terms, linesMax: linesMax))
    } catch {
      throw ReportRefusal(.malformed, "nothing can be hashed here")
    }
  }
}
