package import LedgerCore
import Money
import Postgres
import Seal

/// A transaction on its way into the books.
package struct PendingPosting: Sendable {
  package var posting: BookablePosting
  package var actor: String
  package var traceID: [UInt8]?
  /// It is posted with the next one or not at all.
  package var isLinked: Bool

  package init(
    posting: BookablePosting,
    actor: String,
    traceID: [UInt8]?,
    isLinked: Bool = false
  ) {
    self.posting = posting
    self.actor = actor
    self.traceID = traceID
    self.isLinked = isLinked
  }

  /// Whether it is posted, or how, depends on what the books say.
  var needsDecision: Bool { isLinked || posting.action != .post }
}

/// One batch as the arrays that `write_batch` takes (migrations/0010-transaction-metadata).
struct PostingBatch {
  private struct Account {
    var id: AccountID
    var entry: BookableEntry
    var merchant: MerchantID
    var actor: String
  }

  private var ids: [LedgerTransactionID] = []
  private var merchants: [MerchantID] = []
  private var effectiveAt: [Timestamp] = []
  private var facts: [Bool] = []
  private var kinds: [String] = []
  private var subjects: [String] = []
  private var externalReferences: [String] = []
  private var actors: [String] = []
  private var traceIDs: [[UInt8]?] = []
  private var leaves: [[UInt8]] = []
  private var metadata: [TransactionMetadata] = []
  private var refusals: [String?] = []
  /// Ids that an item of this batch was refused for: what follows it is a retry.
  private var refused: [LedgerTransactionID: String] = [:]

  private var entryItems: [Int32] = []
  private var entryPositions: [Int16] = []
  private var entryAccounts: [Int32] = []
  private var entrySides: [Int16] = []
  private var entryAmounts: [Int64] = []
  private var entryCurrencies: [String] = []
  private var entrySubmitted: [String?] = []

  private var accounts: [AccountID] = []
  private var accountPlaces: [AccountID: Int32] = [:]
  private var absent: [Account] = []

  private var phases: [Int16] = []
  private var others: [LedgerTransactionID?] = []
  private var expiries: [Timestamp?] = []
  private var ends: [Bool] = []
  /// Each item was decided on under the shard's lock.
  private let isDecided: Bool

  /// Transactions that move at once: the database says what becomes of each.
  init(_ items: [PendingPosting], accounts directory: AccountDirectory) {
    isDecided = false
    reserve(items.count)
    for item in items {
      let (posting, command) = (item.posting, item.posting.command)
      let refusal =
        command.recordsFact ? nil : refused[command.id] ?? posting.refusal?.rawValue
      if let refusal { refused[command.id] = refusal }
      append(item, refusal: refusal, ends: false, directory)
    }
  }

  /// What is to be booked, and what is to be remembered as refused.
  init(
    decided items: [(item: PendingPosting, verdict: Verdict)],
    accounts directory: AccountDirectory
  ) {
    isDecided = true
    reserve(items.count)
    for (item, verdict) in items {
      switch verdict {
      case .create(let posting, let ends):
        var item = item
        item.posting = posting
        append(item, refusal: nil, ends: ends, directory)
      case .refuse(let refusal, isRemembered: true):
        append(item, refusal: refusal.rawValue, ends: false, directory)
      case .refuse, .refusedBefore, .exists, .differs: break
      }
    }
  }

  /// Nothing is to be written.
  var isEmpty: Bool { ids.isEmpty }

  /// The accounts that may have been absent; known to exist once the batch has committed.
  var newAccounts: [AccountID] { absent.map(\.id) }

  private mutating func reserve(_ count: Int) {
    ids.reserveCapacity(count)
    leaves.reserveCapacity(count)
    entryItems.reserveCapacity(2 * count)
    entryAmounts.reserveCapacity(2 * count)
  }

  private mutating func append(
    _ item: PendingPosting,
    refusal: String?,
    ends: Bool,
    _ directory: AccountDirectory
  ) {
    let (posting, command) = (item.posting, item.posting.command)
    ids.append(command.id)
    merchants.append(posting.merchant)
    effectiveAt.append(Timestamp(microseconds: posting.effectiveAtMicroseconds))
    facts.append(command.recordsFact)
    kinds.append(command.kind)
    subjects.append(command.subject)
    externalReferences.append(command.externalReference)
    actors.append(item.actor)
    traceIDs.append(item.traceID)
    refusals.append(refusal)
    metadata.append(posting.metadata)
    if isDecided { append(posting.action, ends: ends) }

    var legs: [RecordedTransaction.Leg] = []
    legs.reserveCapacity(posting.entries.count)
    for (position, entry) in posting.entries.enumerated() {
      let account = directory.id(of: entry, of: posting.merchant)
      entryItems.append(Int32(ids.count))
      entryPositions.append(Int16(position))
      entryAccounts.append(place(of: account, entry, item, directory))
      entrySides.append(entry.side.rawValue)
      entryAmounts.append(entry.amountMinor)
      entryCurrencies.append(entry.currency.code)
      entrySubmitted.append(entry.submittedCode)
      legs.append(
        RecordedTransaction.Leg(
          account: account,
          side: entry.side,
          currency: entry.currency,
          amountMinor: entry.amountMinor,
          submittedCode: entry.submittedCode
        )
      )
    }
    // The database gives the sequence; the leaf does not cover it.
    let recorded = RecordedTransaction(
      sequence: 0,
      id: command.id,
      merchant: posting.merchant,
      kind: command.kind,
      effectiveAtMicroseconds: posting.effectiveAtMicroseconds,
      recordsFact: command.recordsFact,
      subject: command.subject,
      externalReference: command.externalReference,
      actor: item.actor,
      traceID: item.traceID,
      action: posting.action,
      ends: ends,
      metadata: posting.metadata,
      legs: legs
    )
    leaves.append(SHA256.hash(recorded.leafBytes(.ordered)))
  }

  private mutating func append(_ action: PostingAction, ends: Bool) {
    // 5 takes back what has moved.
    phases.append(action.phase?.rawValue ?? (action.reversed == nil ? 0 : 5))
    others.append(action.pending ?? action.reversed)
    expiries.append(action.expiresAtMicroseconds.map { Timestamp(microseconds: $0) })
    self.ends.append(ends)
  }

  /// The account's position in the batch's list, from 1.
  private mutating func place(
    of account: AccountID,
    _ entry: BookableEntry,
    _ item: PendingPosting,
    _ directory: AccountDirectory
  ) -> Int32 {
    if let place = accountPlaces[account] { return place }
    accounts.append(account)
    let place = Int32(accounts.count)
    accountPlaces[account] = place
    if !directory.exists(account) {
      absent.append(
        Account(id: account, entry: entry, merchant: item.posting.merchant, actor: item.actor)
      )
    }
    return place
  }

  /// Answers a row (item, status, existing sequence, reason) for each item not created.
  ///
  /// While the clock stands in a sealed day, which it only does when it was set back, the batch is
  /// recorded at that day's end: what has happened cannot be refused.
  ///
  /// - Parameter recordedAt: nil for the database's clock.
  func statement(recordedAt: Timestamp?) -> Statement {
    // Most batches have nothing of it, and then nothing is sent.
    let isExtended = phases.contains { $0 != 0 }
    let isDescribed = metadata.contains { !$0.isEmpty }
    return Statement(
      sql: """
        select item, status, existing, reason from write_batch(
          $1, case when coalesce($2, clock_timestamp()) < sealed_until() then sealed_until()
            else $2 end, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
          $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34,
          $35, $36)
        """,
      LedgerShard.only,
      recordedAt,
      ids,
      merchants,
      effectiveAt,
      facts,
      kinds,
      subjects,
      externalReferences,
      actors,
      traceIDs,
      leaves,
      refusals,
      entryItems,
      entryPositions,
      entryAccounts,
      entrySides,
      entryAmounts,
      entryCurrencies,
      entrySubmitted,
      accounts,
      absent.map(\.id),
      absent.map(\.merchant),
      absent.map(\.merchant.isLive),
      absent.map(\.entry.account.description),
      absent.map(\.entry.currency.code),
      absent.map(\.entry.line.accountClass.rawValue),
      absent.map(\.entry.line.normalSide.rawValue),
      absent.map(\.actor),
      isExtended ? phases : [],
      isExtended ? others : [],
      isExtended ? expiries : [],
      isExtended ? ends : [],
      isDecided,
      isDescribed ? metadata.map { Self.texts($0.entries.map(\.key)) } : [],
      isDescribed ? metadata.map { Self.texts($0.entries.map(\.value)) } : []
    )
  }

  /// A list of texts as one element of an array, for the database to cast: its arrays are of one size
  /// in each dimension. Nil for none.
  private static func texts(_ list: [String]) -> String? {
    guard !list.isEmpty else { return nil }
    var literal = "{"
    for (place, text) in list.enumerated() {
      literal += place == 0 ? "\"" : ",\""
      for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { literal.unicodeScalars.append("\\") }
        literal.unicodeScalars.append(scalar)
      }
      literal += "\""
    }
    return literal + "}"
  }
}
