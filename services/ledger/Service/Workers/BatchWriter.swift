import GRPCCore
import LedgerCore
package import Logging
import Money
package import Postgres
package import Reactor
package import ServiceKit
import Synchronization

/// Posts what arrived while the last batch committed: one statement, one commit, a result for each
/// item. One batch is out at a time, or two when much waits (`BatchQueue`); more would only wait for
/// each other on the shard's lock.
package final class BatchWriter: Sendable {
  /// A batch that takes longer than this is answered as unknown to its callers; repeating is safe.
  static let batchLimit = Duration.seconds(10)
  /// Tries of a batch whose connection broke: the ids make repeating harmless.
  static let triesMax = 3
  static let retryPause = Duration.milliseconds(100)
  /// Larger batches are assembled off the loop.
  static let assembledOnLoopMax = 64

  private struct Group: Sendable {
    var items: [PendingPosting]
    var answer: @Sendable (Result<[PostingOutcome], any Error>) -> Void
  }

  private let loop: EventLoop
  private let workers: Workers
  private let database: PostgresClient
  private let clock: (any WallClock)?
  private let alerts: PostingAlerts
  private let logger: Logger
  private let accounts: AccountDirectory
  private let decided: DecidedPosting
  private let queue = Mutex(BatchQueue<Group>())

  /// - Parameter clock: what the books are dated by, and holds end by; nil for the database's clock,
  ///   which is one for all replicas.
  package init(
    loop: EventLoop,
    workers: Workers,
    database: PostgresClient,
    clock: (any WallClock)?,
    alerts: PostingAlerts,
    logger: Logger
  ) {
    self.loop = loop
    self.workers = workers
    self.database = database
    self.clock = clock
    self.alerts = alerts
    self.logger = logger
    accounts = AccountDirectory()
    decided = DecidedPosting(
      workers: workers,
      database: database,
      clock: clock,
      alerts: alerts,
      accounts: accounts
    )
  }

  /// Commands that wait for the next batch.
  package var waiting: Int { queue.withLock { $0.waiting } }

  /// Posts the items in one transaction, together with what others post at the same time.
  ///
  /// - Throws: RESOURCE_EXHAUSTED `OVERLOADED`, or what the database throws; then nothing or
  ///   everything may be posted, and repeating the call tells.
  package func post(_ items: [PendingPosting]) async throws -> [PostingOutcome] {
    guard !items.isEmpty else { return [] }
    return try await withUnsafeThrowingContinuation { continuation in
      let group = Group(items: items) { continuation.resume(with: $0) }
      let (accepted, mustStart) = queue.withLock { queue in
        let accepted = queue.append(group, count: items.count)
        return (accepted, accepted && queue.startWriting())
      }
      guard accepted else {
        return group.answer(.failure(Self.overloaded))
      }
      // Spawned work belongs to the process and is awaited at shutdown.
      if mustStart { _ = loop.spawn(name: "ledger batch") { [self] in await write() } }
    }
  }

  /// Releases held transactions whose time is over; answers how many.
  @discardableResult
  package func expireDue() async throws -> Int { try await decided.expireDue() }

  static let overloaded = RPCFailure(
    .resourceExhausted,
    "OVERLOADED",
    "Too many postings wait. Try again with the same ids.",
    retryAfterMilliseconds: 500
  )

  private func write() async {
    while true {
      let groups = queue.withLock { $0.next() }
      guard !groups.isEmpty else { return }
      do {
        let outcomes = try await Deadline.$current.withValue(.after(Self.batchLimit)) {
          try await persist(groups.flatMap(\.items))
        }
        var rest = outcomes[...]
        for group in groups {
          group.answer(.success(Array(rest.prefix(group.items.count))))
          rest = rest.dropFirst(group.items.count)
        }
      } catch {
        logger.error("a batch of postings failed", metadata: ["error": "\(error)"])
        for group in groups { group.answer(.failure(error)) }
      }
    }
  }

  // MARK: One batch

  private func persist(_ items: [PendingPosting]) async throws -> [PostingOutcome] {
    var attempt = 1
    // What moves at once is tried without a look at the books: the database says when that is not
    // enough, because a limit may be passed or a balance has left its range.
    var decides = items.contains { $0.needsDecision }
    while true {
      do {
        return try await decides ? decided.post(items) : store(items)
      } catch let error as PostgresError {
        if !decides, error.sqlState == Self.mustBeDecided || error.sqlState == .numericOutOfRange {
          decides = true
          continue
        } else if error.sqlState == .foreignKeyViolation, attempt < Self.triesMax {
          accounts.forget()
        } else if Self.isWorthRepeating(error), attempt < Self.triesMax {
          try await loop.sleep(for: Self.retryPause)
        } else {
          throw error
        }
        attempt += 1
      }
    }
  }

  /// Of `write_batch`: a limit may be passed.
  private static let mustBeDecided = SQLState("TL001")

  private static func isWorthRepeating(_ error: PostgresError) -> Bool {
    switch error.code {
    case .connectionLost, .commitUnknown: true
    // Also when another replica holds the shard for long.
    case .server(let state):
      state.isRetryable || state == .adminShutdown || state == .lockNotAvailable
    default: false
    }
  }

  private func store(_ items: [PendingPosting]) async throws -> [PostingOutcome] {
    let now = clock?.now
    let accounts = accounts
    let assemble = { @Sendable () -> (Statement, [AccountID]) in
      let batch = PostingBatch(items, accounts: accounts)
      return (batch.statement(recordedAt: now), batch.newAccounts)
    }
    let (statement, newAccounts) =
      items.count <= Self.assembledOnLoopMax ? assemble() : try await workers.run(assemble)

    let remarks = items.contains { !$0.posting.remarks.isEmpty }
    let rows = try await database.transaction { transaction in
      guard remarks else { return try await transaction.commit(with: [statement])[0] }
      let rows = try await transaction.query(statement)
      let known = Set(try rows.column(as: Int32.self))
      let fresh = items.enumerated().filter { !known.contains(Int32($0.offset + 1)) }
      try await transaction.commit(with: alerts.statements(for: fresh.map(\.element.posting)))
      return rows
    }
    accounts.commit(newAccounts)
    return try await outcomes(of: items, rows)
  }

  private func outcomes(
    of items: [PendingPosting],
    _ rows: Rows
  ) async throws -> [PostingOutcome] {
    var outcomes = [PostingOutcome](repeating: .created, count: items.count)
    var existing: [(index: Int, sequence: UInt128)] = []
    for row in rows {
      let (item, _, sequence, reason) = try row.decode((Int32, Int16, UUIDBits?, String?).self)
      let index = Int(item) - 1
      if let sequence {
        existing.append((index, sequence.bits))
      } else {
        outcomes[index] = .rejected(reason: reason ?? PostingRefusal.accountUnknown.rawValue)
      }
    }
    guard !existing.isEmpty else { return outcomes }
    let bySequences = TransactionStore.bySequences(
      Set(existing.map(\.sequence)).map { UUIDBits($0) }
    )
    let stored = try await database.transaction(batch: [ProofStore.byKey, bySequences])[1]
    var submitted: [UInt128: PostingCommand] = [:]
    for transaction in try TransactionStore.decode(stored) {
      submitted[transaction.recorded.sequence] = transaction.submitted
    }
    for (index, sequence) in existing {
      guard let original = submitted[sequence] else {
        throw PostgresError(.decoding, "a movement has no transaction")
      }
      outcomes[index] =
        PostingDifference.first(stored: original, submitted: items[index].posting.command)
        .map { .differs($0) } ?? .exists
    }
    return outcomes
  }
}
