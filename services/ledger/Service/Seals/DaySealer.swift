import LedgerCore
import Logging
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// Seals one day after the other: the file first, then row, events and the end of alerts in one
/// transaction under a lease and its fence.
///
/// Whoever dies between file and row leaves a file; the day is over, so that the next one, here or at
/// another replica, makes the same text, finds it there and goes on. A row without a file can only be
/// one whose file was taken away: `SealDay` writes it again, from the row.
struct DaySealer: Sendable {
  enum Outcome: Sendable {
    case sealed(StoredSeal)
    case nothingBooked
    case notOver(CivilDate)
    /// Who has not told everything.
    case behind(CivilDate, [LedgerProducer])
    /// Not overdue for so long that it may be gone on without them.
    case notOverdue(CivilDate, [LedgerProducer])
    /// Somebody else is at it, has taken the lease over, or has sealed the day meanwhile.
    case busy
    case file(CivilDate, SealFiles.Problem)
  }

  /// What keeps the next day open.
  struct Look: Sendable {
    var now: Timestamp
    var last: StoredSeal?
    /// Nil while nothing is booked.
    var nextDay: CivilDate?
    var watermarks: [LedgerProducer: ProducerWatermark]
  }

  private struct LeaseLost: Error {}

  /// One at a time in a process, whose lease is the same for all.
  private final class Turn: Sendable {
    private let isTaken = Mutex(false)

    func take() -> Bool {
      isTaken.withLock { isTaken in
        defer { isTaken = true }
        return !isTaken
      }
    }

    func end() { isTaken.withLock { $0 = false } }
  }

  static let lease = "day seal"

  let environment: ServiceEnvironment
  let files: SealFiles
  /// After a commit that wrote events.
  let wake: @Sendable () -> Void
  /// How old a day may be of which merchants hear.
  let newsDays: Int64
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))
  private let turn = Turn()

  init(
    _ environment: ServiceEnvironment,
    files: SealFiles,
    newsDays: Int64 = DaySealRule.newsDays,
    wake: @escaping @Sendable () -> Void = {}
  ) {
    self.environment = environment
    self.files = files
    self.newsDays = newsDays
    self.wake = wake
  }

  private var database: PostgresClient { environment.database }

  /// - Parameter behindWriters: waits for the shard's lock. Who held it has taken its time before: what
  ///   is recorded in a day that is over has then committed.
  func look(behindWriters: Bool = false) async throws -> Look {
    let rows = try await database.transaction(
      batch: [SealStore.now, SealStore.last] + (behindWriters ? [BooksStateStore.lock] : [])
    )
    let now = try rows[0].single()[0, as: Timestamp.self]
    let first = try rows[0].single()[1, as: CivilDate?.self]
    let last = try rows[1].first.map { try SealStore.decode($0) }
    let day = last?.record.day.next ?? first
    let watermarks = try await database.query(SealStore.watermarks(of: day ?? now.date))
    return Look(
      now: now,
      last: last,
      nextDay: day,
      watermarks: try SealStore.decodeWatermarks(watermarks)
    )
  }

  /// - Parameters:
  ///   - wanted: nothing is done if another day is the next one.
  ///   - without: producers that need not have told everything, if they are overdue.
  func sealNext(
    only wanted: CivilDate? = nil,
    without: [LedgerProducer] = []
  ) async throws -> Outcome {
    guard turn.take() else { return .busy }
    defer { turn.end() }
    let look = try await look()
    guard let day = look.nextDay else { return .nothingBooked }
    guard wanted == nil || wanted == day else { return .busy }
    guard DaySealRule.isOver(day, at: look.now) else { return .notOver(day) }
    let behind = DaySealRule.behind(day, look.watermarks)
    let left = behind.filter { without.contains($0) }
    guard left.isEmpty || DaySealRule.mayGoOnWithout(day, at: look.now) else {
      return .notOverdue(day, left)
    }
    let waited = behind.filter { !without.contains($0) }
    guard waited.isEmpty else {
      if DaySealRule.isAlarming(day, at: look.now) {
        try await SealAlerts(database: database).raise(waited, keepOpen: day, look.watermarks)
      }
      return .behind(day, waited)
    }
    guard let lease = try await WorkerLease.acquire(Self.lease, holder: holder, database) else {
      return .busy
    }
    do {
      // Another replica may have sealed it between the look and the lease.
      let again = try await self.look(behindWriters: true)
      guard again.nextDay == day else { return .busy }
      let seal = try await file(
        try await prepare(day, again.last, without: left, lease),
        mayGoOn: DaySealRule.mayGoOnWithout(day, at: look.now)
      )
      try await store(seal, lease)
      wake()
      environment.logger.info(
        "a day was sealed",
        metadata: [
          "day": "\(day)", "number": "\(seal.number)", "root": "\(seal.rootText)",
          "batches": "\(seal.batches)", "transactions": "\(seal.transactions)",
        ]
      )
      return .sealed(
        try SealStore.decode(try await database.query(SealStore.seal(of: day)).single())
      )
    } catch let problem as SealFiles.Problem {
      try await SealAlerts(database: database).raise(problem, of: day)
      return .file(day, problem)
    } catch is LeaseLost {
      return .busy
    }
  }

  /// What is to be sealed, from the tables.
  func prepare(
    _ day: CivilDate,
    _ last: StoredSeal?,
    without: [LedgerProducer],
    _ lease: WorkerLease
  ) async throws -> DaySeal {
    var places: DayBooks.Places = [:]
    var number: Int64 = 1
    if let last {
      guard let seal = DaySeal(document: last.record.document), seal.number == last.record.number
      else { throw PostgresError(.decoding, "the last seal is no seal") }
      places = seal.nextPlaces
      number = seal.number + 1
    }
    return try await DayBooks(database: database).seal(
      of: day,
      number: number,
      previousRoot: last?.record.root ?? DaySeal.origin,
      from: places,
      without: without
    ) { [database] in
      guard try await database.query(lease.renewal()).affected == 1 else { throw LeaseLost() }
    }
  }

  /// Makes the file, and answers what it says: whoever made it first may have gone on without somebody
  /// who has told everything since.
  ///
  /// - Parameter mayGoOn: whether a person may have gone on without somebody by now.
  private func file(_ seal: DaySeal, mayGoOn: Bool) async throws -> DaySeal {
    try await environment.workers.run { [files] in
      var seal = seal
      if mayGoOn, let there = try files.read(seal.day), seal.differsInWithout(there) {
        seal.without = there.without
      }
      try files.write(seal.document, of: seal.day)
      return seal
    }
  }

  /// Row, events and the end of alerts, if the lease still holds and nothing was recorded in the day since
  /// it was read. The shard is locked as late as can be.
  func store(_ seal: DaySeal, _ lease: WorkerLease) async throws {
    let limit = SealEvents.merchantsMax
    var merchants = try await database.query(SealStore.merchants(limit: limit + 1))
      .column(as: MerchantID.self)
    if merchants.count > Int(limit) {
      merchants.removeLast()
      environment.logger.error(
        "not every merchant is told of a seal",
        metadata: ["day": "\(seal.day)", "told": "\(limit)"]
      )
    }
    let stamp = environment.stamp
    var statements = [SealAlerts.resolve(seal.day)]
    if DaySealRule.isNews(seal.day, at: try await look().now, days: newsDays) {
      statements.append(SealEvents.statement(seal, to: merchants, environment))
    }
    statements += [BooksStateStore.lock, SealStore.isLonger(seal)]
    try await database.transaction { [statements] transaction in
      guard try await transaction.query(lease.renewal()).affected == 1 else { throw LeaseLost() }
      guard let isLonger = try await transaction.batch(statements).last,
        try isLonger.single()[0, as: Bool.self] == false
      else { throw LeaseLost() }
      try await transaction.commit(with: [
        SealStore.insert(seal, actor: stamp.actor, traceID: stamp.traceID)
      ])
    }
  }

  /// The file of a day that is sealed, if it is not there.
  ///
  /// - Throws: `SealFiles.Problem`, of which people hear.
  func restoreFile(_ seal: StoredSeal) async throws {
    do {
      try await environment.workers.run { [files] in
        try files.write(seal.record.document, of: seal.record.day)
      }
    } catch let problem as SealFiles.Problem {
      try await SealAlerts(database: database).raise(problem, of: seal.record.day, isSealed: true)
      throw problem
    }
    _ = try await database.query(SealAlerts.resolveFile(seal.record.day))
  }

  /// Whatever keeps a day open for long, people hear of it.
  func raise(_ error: any Error) async throws {
    let look = try await look()
    guard let day = look.nextDay, DaySealRule.isAlarming(day, at: look.now) else { return }
    try await SealAlerts(database: database).raiseFailure(of: day)
  }
}
