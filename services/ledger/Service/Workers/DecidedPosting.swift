import LedgerCore
import Money
import Postgres
import Reactor
import ServiceKit

/// Posts what depends on the books: held transactions and their ends, chains, reversals, and what may
/// pass a limit. It reads under the shard's lock, decides by `BatchDecision`, and writes: one round
/// trip more than other batches need.
struct DecidedPosting: Sendable {
  /// Batches of expired holds that are released before a batch gives up; each has up to
  /// `BooksStateStore.expiriesMax`.
  static let expiryRoundsMax = 10
  /// Larger batches are decided on off the loop.
  static let decidedOnLoopMax = 64

  let workers: Workers
  let database: PostgresClient
  /// Nil for the database's clock.
  let clock: (any WallClock)?
  let alerts: PostingAlerts
  let accounts: AccountDirectory

  private struct Decided: Sendable {
    var verdicts: [Verdict]
    var statement: Statement?
    var newAccounts: [AccountID]
  }

  /// - Throws: RESOURCE_EXHAUSTED `OVERLOADED` if too many holds wait to be released first.
  func post(_ items: [PendingPosting]) async throws -> [PostingOutcome] {
    for _ in 0..<Self.expiryRoundsMax {
      if let decided = try await attempt(items) { return try await outcomes(of: items, decided) }
      try await expireDue()
    }
    throw BatchWriter.overloaded
  }

  /// Nil if something that is held is due to be released first: limits count what is held, and must
  /// not depend on when somebody looked.
  private func attempt(_ items: [PendingPosting]) async throws -> Decided? {
    let question = BooksQuestion(items, accounts: accounts)
    let decided = try await database.transaction { transaction -> Decided? in
      let rows = try await transaction.batch(question.statements(now: clock?.now))
      guard let state = try BooksQuestion.state(rows) else { return nil }
      let decide = { @Sendable () -> Decided in decision(on: items, state) }
      let decided =
        items.count <= Self.decidedOnLoopMax ? decide() : try await workers.run(decide)
      if let statement = decided.statement {
        let booked = decided.verdicts.compactMap(\.booked)
        try await transaction.commit(with: [statement] + alerts.statements(for: booked))
      }
      return decided
    }
    if let decided { accounts.commit(decided.newAccounts) }
    return decided
  }

  private func decision(on items: [PendingPosting], _ state: BooksState) -> Decided {
    var decision = BatchDecision(state) { [accounts] in accounts.id(of: $0, of: $1) }
    let verdicts = decision.verdicts(
      items.map { BatchDecision.Item($0.posting, isLinked: $0.isLinked) }
    )
    let batch = PostingBatch(
      decided: zip(items, verdicts).map { (item: $0, verdict: $1) },
      accounts: accounts
    )
    return Decided(
      verdicts: verdicts,
      statement: batch.isEmpty
        ? nil : batch.statement(recordedAt: Timestamp(microseconds: state.nowMicroseconds)),
      newAccounts: batch.newAccounts
    )
  }

  private func outcomes(
    of items: [PendingPosting],
    _ decided: Decided
  ) async throws -> [PostingOutcome] {
    var stored: [LedgerTransactionID: PostingCommand] = [:]
    let existing = decided.verdicts.compactMap(\.existing)
    if !existing.isEmpty {
      let byIDs = TransactionStore.byIDs(Array(Set(existing)))
      let rows = try await database.transaction(batch: [ProofStore.byKey, byIDs])
      for transaction in try TransactionStore.decode(rows[1]) {
        stored[transaction.recorded.id] = transaction.submitted
      }
    }
    var outcomes: [PostingOutcome] = []
    outcomes.reserveCapacity(items.count)
    for (item, verdict) in zip(items, decided.verdicts) {
      switch verdict {
      case .create: outcomes.append(.created)
      case .refusedBefore(let reason): outcomes.append(.rejected(reason: reason))
      case .differs(let field): outcomes.append(.differs(field))
      case .refuse(let refusal, _):
        if item.posting.command.recordsFact {
          try await alerts.raiseRefusedFact(
            item.posting.command.id,
            of: item.posting.merchant,
            reason: refusal.rawValue
          )
        }
        outcomes.append(.rejected(reason: refusal.rawValue))
      case .exists(let command):
        guard let original = stored[command.id] else {
          throw PostgresError(.decoding, "a movement has no transaction")
        }
        outcomes.append(
          PostingDifference.first(stored: original, submitted: command).map { .differs($0) }
            ?? .exists
        )
      }
    }
    return outcomes
  }

  // MARK: Expiry

  /// Releases held transactions whose time is over, a bounded batch of them; answers how many.
  @discardableResult
  func expireDue() async throws -> Int {
    // Mostly nothing is, and nobody need wait for the shard's lock to learn that.
    let look = try await database.query(BooksStateStore.time(clock?.now)).single()
    guard try look[1, as: Bool.self] else { return 0 }
    return try await database.transaction { transaction in
      let rows = try await transaction.batch([
        ProofStore.byKey, BooksStateStore.lock, BooksStateStore.due(clock?.now),
      ])[2]
      guard let first = rows.first else { return 0 }
      let now = try first[6, as: Timestamp.self]
      var items: [(item: PendingPosting, verdict: Verdict)] = []
      for row in rows {
        let posting = try Self.expiry(row)
        items.append(
          (
            PendingPosting(posting: posting, actor: PostingAlerts.actor, traceID: nil),
            .create(posting, ends: true)
          )
        )
      }
      let batch = PostingBatch(decided: items, accounts: accounts)
      try await transaction.commit(with: [batch.statement(recordedAt: now)])
      return items.count
    }
  }

  /// Its id is of no movement: nothing in the world has happened.
  private static func expiry(_ row: Row) throws(PostgresError) -> BookablePosting {
    BookablePosting.expiry(
      LedgerTransactionID(bits: UInt128.random(in: 1...UInt128.max)),
      of: try row[0, as: LedgerTransactionID.self],
      merchant: try row[1, as: MerchantID.self],
      kind: try row[2, as: String.self],
      subject: try row[3, as: String.self],
      externalReference: try row[4, as: String.self],
      expiresAtMicroseconds: try row[5, as: Timestamp.self].microseconds
    )
  }
}
