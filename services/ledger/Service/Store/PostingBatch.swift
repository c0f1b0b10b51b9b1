package import LedgerCore
import Money
import Postgres
import Seal

/// A transaction on its way into the books.
package struct PendingPosting: Sendable {
  package var posting: BookablePosting
  package var actor: String
  package var traceID: [UInt8]?

  package init(posting: BookablePosting, actor: String, traceID: [UInt8]?) {
    self.posting = posting
    self.actor = actor
    self.traceID = traceID
  }
}

/// One batch as the arrays that `post_batch` takes (migrations/0001-init).
struct PostingBatch {
  private struct Account {
    var id: AccountID
    var entry: BookableEntry
    var merchant: MerchantID
    var actor: String
  }

  private var ids: [LedgerTransactionID] = []
  private var sequences: [UUIDBits] = []
  private var merchants: [MerchantID] = []
  private var effectiveAt: [Timestamp] = []
  private var facts: [Bool] = []
  private var kinds: [String] = []
  private var subjects: [String] = []
  private var externalReferences: [String] = []
  private var actors: [String] = []
  private var traceIDs: [[UInt8]?] = []
  private var leaves: [[UInt8]] = []
  private var refusals: [String?] = []

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

  /// - Parameter nonce: 48 bits that no other batch of the same millisecond has.
  init(
    _ items: [PendingPosting],
    recordedAt: Timestamp,
    nonce: UInt64,
    accounts directory: AccountDirectory
  ) {
    let head =
      UInt128(UInt64(bitPattern: recordedAt.milliseconds) & 0xFFFF_FFFF_FFFF) << 80
      | UInt128(nonce & 0xFFFF_FFFF_FFFF) << 32
    reserve(items.count)
    for (index, item) in items.enumerated() {
      append(item, sequence: head | UInt128(index), directory)
    }
  }

  /// The accounts that may have been absent; known to exist once the batch has committed.
  var newAccounts: [AccountID] { absent.map(\.id) }

  private mutating func reserve(_ count: Int) {
    ids.reserveCapacity(count)
    sequences.reserveCapacity(count)
    leaves.reserveCapacity(count)
    entryItems.reserveCapacity(2 * count)
    entryAmounts.reserveCapacity(2 * count)
  }

  private mutating func append(
    _ item: PendingPosting,
    sequence: UInt128,
    _ directory: AccountDirectory
  ) {
    let (posting, command) = (item.posting, item.posting.command)
    ids.append(command.id)
    sequences.append(UUIDBits(sequence))
    merchants.append(posting.merchant)
    effectiveAt.append(Timestamp(microseconds: posting.effectiveAtMicroseconds))
    facts.append(command.recordsFact)
    kinds.append(command.kind)
    subjects.append(command.subject)
    externalReferences.append(command.externalReference)
    actors.append(item.actor)
    traceIDs.append(item.traceID)
    refusals.append(posting.refusal?.rawValue)

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
    let recorded = RecordedTransaction(
      sequence: sequence,
      id: command.id,
      merchant: posting.merchant,
      kind: command.kind,
      effectiveAtMicroseconds: posting.effectiveAtMicroseconds,
      recordsFact: command.recordsFact,
      subject: command.subject,
      externalReference: command.externalReference,
      actor: item.actor,
      legs: legs
    )
    leaves.append(SHA256.hash(recorded.leafBytes))
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
  func statement(recordedAt: Timestamp) -> Statement {
    Statement(
      sql: """
        select item, status, existing, reason from post_batch(
          $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
          $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)
        """,
      LedgerShard.only,
      recordedAt,
      ids,
      sequences,
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
      absent.map(\.actor)
    )
  }
}
