package import Money

/// What becomes of one command of a batch.
package enum Verdict: Hashable, Sendable {
  /// It is booked: with the legs that it left out, and what people must look at. `ends`: it ends
  /// the held transaction, or takes back the booked one, that it names.
  case create(BookablePosting, ends: Bool)
  /// Its id is booked; the contents are to be compared.
  case exists(PostingCommand)
  /// It breaks its chain: its id has another content, the field being the first that differs. Perhaps
  /// that of an item of the same chain, which is not booked then: there is nothing to compare later.
  case differs(String)
  /// `isRemembered`: with its id.
  case refuse(PostingRefusal, isRemembered: Bool)
  /// For what its id was refused before.
  case refusedBefore(String)

  package var booked: BookablePosting? {
    if case .create(let posting, _) = self { posting } else { nil }
  }

  package var existing: LedgerTransactionID? {
    if case .exists(let command) = self { command.id } else { nil }
  }
}

/// Decides on a batch command by command, in order, as the only writer would.
///
/// Only what depends on the books is asked here; `PostingRules.check` comes before.
package struct BatchDecision {
  package struct Item: Sendable {
    package var posting: BookablePosting
    /// It stands or falls with the next one.
    package var isLinked: Bool

    package init(_ posting: BookablePosting, isLinked: Bool = false) {
      self.posting = posting
      self.isLinked = isLinked
    }
  }

  /// How far ahead a time-out may lie.
  package static let pendingDaysMax: Int64 = 366

  var state: BooksState
  let account: (BookableEntry, MerchantID) -> AccountID
  /// What to put back if the chain that is being decided fails.
  private var undo: [(inout BooksState) -> Void]?

  /// - Parameter account: the id of a leg's account.
  package init(
    _ state: BooksState,
    account: @escaping (BookableEntry, MerchantID) -> AccountID = Self.derived
  ) {
    self.state = state
    self.account = account
  }

  package static func derived(_ entry: BookableEntry, _ merchant: MerchantID) -> AccountID {
    AccountKey(merchant: merchant, code: entry.account.description, currency: entry.currency).id
  }

  /// One verdict for each item.
  package mutating func verdicts(_ items: [Item]) -> [Verdict] {
    var verdicts: [Verdict] = []
    verdicts.reserveCapacity(items.count)
    var chains = PostingChain.ranges(items.map(\.isLinked))[...]
    var index = 0
    while index < items.count {
      if let chain = chains.first, chain.lowerBound == index {
        chains.removeFirst()
        verdicts += self.chain(items[chain].map(\.posting))
        index = chain.upperBound + 1
      } else {
        verdicts.append(verdict(items[index].posting))
        index += 1
      }
    }
    return verdicts
  }

  // MARK: Chains

  /// All or none: what exists already counts as posted, unless it is something else.
  private mutating func chain(_ postings: [BookablePosting]) -> [Verdict] {
    undo = []
    defer { undo = nil }
    var verdicts: [Verdict] = []
    for (place, posting) in postings.enumerated() {
      let verdict = compared(verdict(posting))
      guard Self.breaks(verdict) else {
        verdicts.append(verdict)
        continue
      }
      for step in (undo ?? []).reversed() { step(&state) }
      let isRemembered = if case .refuse(_, false) = verdict { false } else { true }
      return postings.enumerated().map { other, posting in
        other == place ? verdict : fallen(posting, isRemembered: isRemembered)
      }
    }
    return verdicts
  }

  private static func breaks(_ verdict: Verdict) -> Bool {
    switch verdict {
    case .create, .exists: false
    case .refuse, .refusedBefore, .differs: true
    }
  }

  private func compared(_ verdict: Verdict) -> Verdict {
    guard case .exists(let command) = verdict, let stored = state.contents[command.id],
      let field = PostingDifference.first(stored: stored, submitted: command)
    else { return verdict }
    return .differs(field)
  }

  /// One whose neighbour has failed.
  private mutating func fallen(_ posting: BookablePosting, isRemembered: Bool) -> Verdict {
    let id = posting.command.id
    if state.existing.contains(id) { return .exists(filled(posting).command) }
    if let reason = state.rejected[id] { return .refusedBefore(reason) }
    if isRemembered { state.rejected[id] = PostingRefusal.linkedTransactionFailed.rawValue }
    return .refuse(.linkedTransactionFailed, isRemembered: isRemembered)
  }

  // MARK: One command

  private mutating func verdict(_ posting: BookablePosting) -> Verdict {
    let id = posting.command.id
    var posting = filled(posting)
    if state.existing.contains(id) { return .exists(posting.command) }
    let isFact = posting.command.recordsFact
    if !isFact {
      if let reason = state.rejected[id] { return .refusedBefore(reason) }
      if let refusal = posting.refusal ?? refusal(posting) { return remember(refusal, id) }
    }
    let ends = ends(posting)
    if isFact { posting.remarks += remarks(posting, ends: ends) }
    let changes: [(id: AccountID, before: AccountState?, after: AccountState)]
    do throws(PostingRefusal) {
      changes = try self.changes(posting, ends: ends)
    } catch {
      return error.isStructural ? .refuse(error, isRemembered: false) : remember(error, id)
    }
    for change in changes { set(\.accounts, change.id, change.after) }
    book(posting, ends: ends)
    return .create(posting, ends: ends)
  }

  private mutating func remember(_ refusal: PostingRefusal, _ id: LedgerTransactionID) -> Verdict {
    // Also when the chain is undone: what was refused stays refused.
    state.rejected[id] = refusal.rawValue
    return .refuse(refusal, isRemembered: true)
  }

  /// With all legs of the transaction that it posts or takes back, where it names none.
  private func filled(_ posting: BookablePosting) -> BookablePosting {
    guard posting.entries.isEmpty else { return posting }
    let legs: [BookedLeg]
    switch posting.action {
    case .postPending(let id): legs = state.pendings[id]?.legs ?? []
    case .reverse(let id): legs = (state.reversible[id]?.legs ?? []).map(\.opposite)
    case .post, .pending, .voidPending, .expirePending: legs = []
    }
    var filled = posting
    filled.entries = legs.map {
      PostingRules.entry($0.code, $0.side, $0.currency, $0.amountMinor)
    }
    filled.command.entries = legs.map {
      PostingEntry(
        $0.code,
        $0.side,
        currencyCode: $0.currency.code,
        amountMinor: $0.amountMinor
      )
    }
    return filled
  }

  // MARK: Balances

  /// The accounts as they are afterwards.
  ///
  /// - Throws: `overflow`, or for who asks the limit that is passed.
  private func changes(
    _ posting: BookablePosting,
    ends: Bool
  ) throws(PostingRefusal) -> [(id: AccountID, before: AccountState?, after: AccountState)] {
    var changes: [(id: AccountID, before: AccountState?, after: AccountState)] = []
    func place(_ id: AccountID, _ side: @autoclosure () -> Side) -> Int {
      if let known = changes.firstIndex(where: { $0.id == id }) { return known }
      let before = state.accounts[id]
      changes.append((id, before, before ?? AccountState(normalSide: side())))
      return changes.count - 1
    }
    if ends, let id = posting.action.pending {
      for leg in state.pendings[id]?.legs ?? [] {
        let index = place(leg.account, leg.side)
        changes[index].after.pending[leg.side] -= leg.amountMinor
      }
    }
    let isHeld = posting.action.phase == .pending
    for entry in posting.entries {
      let index = place(account(entry, posting.merchant), entry.line.normalSide)
      try changes[index].after.add(entry.amountMinor, entry.side, isHeld: isHeld)
    }
    guard !posting.command.recordsFact else { return changes }
    let refusals = changes.compactMap { change in
      change.before.flatMap { change.after.refusal(from: $0) }
    }
    // Below comes before above, whatever the order of the legs.
    if refusals.contains(.balanceBelowLimit) { throw .balanceBelowLimit }
    if refusals.contains(.balanceAboveLimit) { throw .balanceAboveLimit }
    return changes
  }

  private mutating func book(_ posting: BookablePosting, ends: Bool) {
    let id = posting.command.id
    state.existing.insert(id)
    undo?.append { $0.existing.remove(id) }
    set(\.contents, id, posting.command)
    let legs = { [account] in
      posting.entries.map { entry in
        BookedLeg(
          account: account(entry, posting.merchant),
          code: entry.account.description,
          side: entry.side,
          currency: entry.currency,
          amountMinor: entry.amountMinor
        )
      }
    }
    if case .pending(let expiresAt) = posting.action {
      let pending = PendingState(
        merchant: posting.merchant,
        expiresAtMicroseconds: expiresAt,
        legs: legs()
      )
      set(\.pendings, id, pending)
    } else if !posting.entries.isEmpty {
      let booked = ReversibleState(merchant: posting.merchant, legs: legs(), isReversed: false)
      set(\.reversible, id, booked)
    }
    guard ends else { return }
    if let other = posting.action.pending, var pending = state.pendings[other] {
      pending.ending = posting.action.phase
      set(\.pendings, other, pending)
    } else if let other = posting.action.reversed, var reversed = state.reversible[other] {
      reversed.isReversed = true
      set(\.reversible, other, reversed)
    }
  }

  private mutating func set<Key, Value>(
    _ path: WritableKeyPath<BooksState, [Key: Value]>,
    _ key: Key,
    _ value: Value
  ) {
    if undo != nil {
      let before = state[keyPath: path][key]
      undo?.append { $0[keyPath: path][key] = before }
    }
    state[keyPath: path][key] = value
  }
}
