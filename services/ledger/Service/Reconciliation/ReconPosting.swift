import GRPCCore
import LedgerCore
import Money
import Postgres
import ServiceKit

/// Postings within a transaction of reconciliation, by the batch's own statement and the rules of every
/// other posting: booked and noted together. The books' lock is held from here to the commit, so that
/// this comes last. They are dated by the database's clock, as all are.
struct ReconPosting: Sendable {
  /// Of one transaction.
  static let itemsMax = 2_000

  let items: [PendingPosting]
  // Its own: it names every account, and asks nobody which are there.
  private let accounts = AccountDirectory()
  private let statement: Statement

  /// - Throws: the refusal of a command that cannot be a transaction at all.
  init(_ commands: [PostingCommand], _ stamp: Stamp) throws(PostingRefusal) {
    var items: [PendingPosting] = []
    items.reserveCapacity(commands.count)
    for command in commands {
      items.append(
        PendingPosting(
          posting: try PostingRules.check(command),
          actor: stamp.actor,
          traceID: stamp.traceID
        )
      )
    }
    self.items = items
    statement = PostingBatch(items, accounts: accounts).statement(recordedAt: nil)
  }

  /// Facts, which no limit refuses: the statement is ready, and nothing is asked before.
  ///
  /// - Returns: what became of each, in their order.
  /// - Throws: `numeric_value_out_of_range` where a balance has no room; then `decide`.
  func post(in transaction: borrowing Transaction) async throws -> [PostingOutcome] {
    let rows = try await transaction.query(statement)
    var outcomes = [PostingOutcome](repeating: .created, count: items.count)
    var existing: [(index: Int, command: PostingCommand)] = []
    for row in rows {
      let (item, _, sequence, reason) = try row.decode((Int32, Int16, UUIDBits?, String?).self)
      let index = Int(item) - 1
      if sequence != nil {
        existing.append((index, items[index].posting.command))
      } else {
        outcomes[index] = .rejected(reason: reason ?? PostingRefusal.accountUnknown.rawValue)
      }
    }
    let stored = try await stored(existing.map(\.command.id), in: transaction)
    for (index, command) in existing { outcomes[index] = try Self.outcome(command, stored) }
    return outcomes
  }

  /// As `DecidedPosting`: each by itself, by limits and what is held. A refusal leaves nothing behind
  /// if the transaction does not commit.
  ///
  /// - Throws: CONTENTION while holds that are over wait to be released: limits count what is held.
  func decide(in transaction: borrowing Transaction) async throws -> [PostingOutcome] {
    let question = BooksQuestion(items, accounts: accounts)
    let rows = try await transaction.batch(question.statements(now: nil))
    guard let state = try BooksQuestion.state(rows) else { throw Self.holdsAreDue }
    var decision = BatchDecision(state) { [accounts] in accounts.id(of: $0, of: $1) }
    let verdicts = decision.verdicts(items.map { BatchDecision.Item($0.posting) })
    let batch = PostingBatch(
      decided: zip(items, verdicts).map { (item: $0, verdict: $1) },
      accounts: accounts
    )
    if !batch.isEmpty {
      let now = Timestamp(microseconds: state.nowMicroseconds)
      _ = try await transaction.query(batch.statement(recordedAt: now))
    }
    let stored = try await stored(verdicts.compactMap(\.existing), in: transaction)
    return try verdicts.map { verdict in
      switch verdict {
      case .create: .created
      case .exists(let command): try Self.outcome(command, stored)
      case .refusedBefore(let reason): .rejected(reason: reason)
      case .differs(let field): .differs(field)
      case .refuse(let refusal, _): .rejected(reason: refusal.rawValue)
      }
    }
  }

  // MARK: What is there already

  private func stored(
    _ ids: [LedgerTransactionID],
    in transaction: borrowing Transaction
  ) async throws -> [LedgerTransactionID: PostingCommand] {
    guard !ids.isEmpty else { return [:] }
    let rows = try await transaction.query(TransactionStore.byIDs(Array(Set(ids))))
    var stored: [LedgerTransactionID: PostingCommand] = [:]
    for found in try TransactionStore.decode(rows) { stored[found.recorded.id] = found.submitted }
    return stored
  }

  private static func outcome(
    _ command: PostingCommand,
    _ stored: [LedgerTransactionID: PostingCommand]
  ) throws -> PostingOutcome {
    guard let original = stored[command.id] else {
      throw PostgresError(.decoding, "a movement has no transaction")
    }
    // A report says nothing of it.
    var command = command
    command.metadata = original.metadata
    return PostingDifference.first(stored: original, submitted: command).map { .differs($0) }
      ?? .exists
  }

  /// Each replica releases them within seconds (`PendingKeeper`).
  private static let holdsAreDue = RPCFailure(
    .aborted,
    "CONTENTION",
    "What is held is being released first. Try again with the same key.",
    retryAfterMilliseconds: 2_000
  )
}
