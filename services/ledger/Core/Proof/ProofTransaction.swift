package import Money
import Seal

/// A transaction with everything that the tables say about it.
package struct ProofTransaction: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package var position: Int16
    package var merchant: MerchantID
    /// Nil in rows of before it was kept.
    package var effectiveAtMicroseconds: Int64?
    package var leg: RecordedTransaction.Leg
    /// The account's row; nil if there is none.
    package var account: AccountKey?
    /// It lies among the held ones.
    package var isPending: Bool

    package init(
      position: Int16,
      merchant: MerchantID,
      effectiveAtMicroseconds: Int64?,
      leg: RecordedTransaction.Leg,
      account: AccountKey?,
      isPending: Bool = false
    ) {
      self.position = position
      self.merchant = merchant
      self.effectiveAtMicroseconds = effectiveAtMicroseconds
      self.leg = leg
      self.account = account
      self.isPending = isPending
    }
  }

  /// What other tables say of a held transaction, of its end, and of a reversal.
  package struct Relations: Hashable, Sendable {
    /// The transaction that ended the held one that this is, or names; nil: none.
    package var ending: BookSequence?
    /// That transaction says so itself.
    package var isEndingMutual: Bool
    /// Legs of this one that are listed as held.
    package var openLegs: Int
    /// What is listed as held says of it what it says itself; also true if nothing is listed.
    package var isListedAsHeld: Bool
    /// The transaction that has taken back the one that this takes back; nil: none.
    package var reversal: BookSequence?
    /// What is said to have taken this one back says so itself; also true if nothing is said.
    package var isReversalMutual: Bool

    package init(
      ending: BookSequence? = nil,
      isEndingMutual: Bool = true,
      openLegs: Int = 0,
      isListedAsHeld: Bool = true,
      reversal: BookSequence? = nil,
      isReversalMutual: Bool = true
    ) {
      self.ending = ending
      self.isEndingMutual = isEndingMutual
      self.openLegs = openLegs
      self.isListedAsHeld = isListedAsHeld
      self.reversal = reversal
      self.isReversalMutual = isReversalMutual
    }
  }

  /// Without its legs.
  package var head: RecordedTransaction
  /// The batch that the row names.
  package var batch: Int64
  /// Where `movement` says that the transaction lies; nil: it does not know the id.
  package var movement: BookSequence?
  /// By position.
  package var entries: [Entry]
  /// Columns that hold what they never can, so that something else stands in `entries`.
  package var unreadable: [String]
  package var relations: Relations

  package init(
    head: RecordedTransaction,
    batch: Int64,
    movement: BookSequence?,
    entries: [Entry],
    unreadable: [String] = [],
    relations: Relations = Relations()
  ) {
    self.head = head
    self.batch = batch
    self.movement = movement
    self.entries = entries
    self.unreadable = unreadable
    self.relations = relations
  }

  package var sequence: BookSequence { BookSequence(head.sequence) }

  /// Whether it ends or takes back what it names, as the tables beside it say: the leaf covers this,
  /// for nothing else says of a fact whether it found something to end.
  private var ends: Bool {
    switch head.action {
    case .post, .pending: false
    case .postPending, .voidPending, .expirePending: relations.ending == sequence
    case .reverse: relations.reversal == sequence
    }
  }

  package func leaf(_ format: BatchFormat) -> [UInt8] { leaf(format, ends: ends) }

  private func leaf(_ format: BatchFormat, ends: Bool) -> [UInt8] {
    var whole = head
    whole.ends = ends
    whole.legs = entries.map(\.leg)
    return SHA256.hash(whole.leafBytes(format))
  }

  /// What of it is not what a leaf was made of, in words; nil if all is.
  func difference(from leaf: ArraySlice<UInt8>, _ format: BatchFormat) -> String? {
    if self.leaf(format)[...] == leaf { return nil }
    guard self.leaf(format, ends: !ends)[...] == leaf else {
      return "a column of the transaction or of its entries is not what was committed"
    }
    let table = head.action.reversed == nil ? "pending_resolution" : "reversal"
    return ends
      ? "\(table): this transaction was committed without" : "\(table): this transaction's is gone"
  }

  /// What of it contradicts itself or the tables beside it, in words.
  package func contradictions(in number: Int64) -> [String] {
    var found = unreadable
    if batch != number { found.append("batch: the row says \(batch)") }
    switch movement {
    case nil: found.append("id: no movement has it")
    case sequence?: break
    case _?: found.append("id: its movement names another row")
    }
    found += relationProblems
    if entries.isEmpty {
      if !isRelease { found.append("entries: all are missing") }
    } else if entries.map(\.position) != (0..<Int16(entries.count)).map({ $0 }) {
      found.append("entries.position: not 0 to \(entries.count - 1)")
    }
    for (currency, difference) in differences {
      found.append("entries.amount_minor: debits less credits are \(difference) \(currency.code)")
    }
    for entry in entries {
      let name = "entries[\(entry.position)]"
      if entry.merchant != head.merchant { found.append("\(name).merchant_id: another merchant") }
      if let at = entry.effectiveAtMicroseconds, at != head.effectiveAtMicroseconds {
        found.append("\(name).effective_at: another time than the transaction's")
      }
      guard let account = entry.account else {
        found.append("\(name).account_id: no such account")
        continue
      }
      if account.currency != entry.leg.currency {
        found.append("\(name).currency: the account's is another")
      }
      if account.merchant != head.merchant || account.id != entry.leg.account {
        found.append("\(name).account_id: the account's row is not what its id says")
      }
    }
    return found
  }

  /// It releases what is held, and moves nothing.
  private var isRelease: Bool {
    head.action.phase == .voidPending || head.action.phase == .expirePending
  }

  private var relationProblems: [String] {
    var found: [String] = []
    let isHeld = head.action.phase == .pending
    if isRelease, !entries.isEmpty { found.append("entries: a release has none") }
    if entries.contains(where: { $0.isPending != isHeld }) {
      found.append(
        isHeld ? "entries: of what is held, as if it had moved" : "pending_entry: it holds nothing"
      )
    }
    // A fact is booked also where there was nothing to end.
    let mayStandAlone = head.recordsFact
    switch head.action.phase {
    case .pending:
      let expected = relations.ending == nil ? entries.count : 0
      if relations.openLegs != expected {
        found.append("pending_open: \(relations.openLegs) legs instead of \(expected)")
      }
      if !relations.isListedAsHeld {
        found.append("pending_open: another expires_at, merchant_id or sequence")
      }
      if !relations.isEndingMutual {
        found.append("pending_resolution: of a transaction that does not end it")
      }
    case .postPending, .voidPending, .expirePending:
      if relations.ending != sequence, !mayStandAlone {
        found.append("pending_resolution: not this transaction's")
      }
    case nil:
      if relations.ending != nil { found.append("pending_resolution: it was never held") }
    }
    if head.action.reversed != nil, relations.reversal != sequence, !mayStandAlone {
      found.append("reversal: not this transaction's")
    }
    if !relations.isReversalMutual {
      found.append("reversal: of a transaction that does not take it back")
    }
    return found
  }

  /// Currencies in which it does not balance.
  private var differences: [(Currency, Int128)] {
    var sums: [(Currency, Int128)] = []
    for entry in entries {
      let amount = Int128(entry.leg.side.rawValue) * Int128(entry.leg.amountMinor)
      if let place = sums.firstIndex(where: { $0.0 == entry.leg.currency }) {
        sums[place].1 += amount
      } else {
        sums.append((entry.leg.currency, amount))
      }
    }
    return sums.filter { $0.1 != 0 }
  }
}
