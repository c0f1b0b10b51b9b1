package import Money

/// A leg that can be booked.
package struct BookableEntry: Hashable, Sendable {
  package let account: AccountCode
  package let line: ChartLine
  package let side: Side
  package let currency: Currency
  /// Positive.
  package let amountMinor: Int64
  /// The code the caller named, where the amount goes to suspense instead.
  package let submittedCode: String?
}

/// A transaction that can be booked: balanced in each currency.
package struct BookablePosting: Hashable, Sendable {
  package internal(set) var command: PostingCommand
  package let merchant: MerchantID
  package let effectiveAtMicroseconds: Int64
  package let action: PostingAction
  package let metadata: TransactionMetadata
  /// None where it releases, or where all of another transaction's are meant.
  package internal(set) var entries: [BookableEntry]
  package internal(set) var remarks: [PostingRemark]
  /// Why an authorising command is not booked unless its id is there already; nil for facts.
  package let refusal: PostingRefusal?
}

extension BookablePosting {
  /// What releases a held transaction whose time is over; it takes effect when the time was.
  package static func expiry(
    _ id: LedgerTransactionID,
    of pending: LedgerTransactionID,
    merchant: MerchantID,
    kind: String,
    subject: String,
    externalReference: String,
    expiresAtMicroseconds: Int64
  ) -> BookablePosting {
    BookablePosting(
      command: PostingCommand(
        id: id,
        merchant: merchant,
        kind: kind,
        entries: [],
        effectiveAtMicroseconds: expiresAtMicroseconds,
        subject: subject,
        externalReference: externalReference,
        action: .expirePending(pending)
      ),
      merchant: merchant,
      effectiveAtMicroseconds: expiresAtMicroseconds,
      action: .expirePending(pending),
      metadata: .none,
      entries: [],
      remarks: [],
      refusal: nil
    )
  }
}

/// What may be posted.
package enum PostingRules {
  /// Fewest and most legs of one transaction.
  package static let entryCount = 2...32

  /// Checks everything that needs no table.
  ///
  /// - Parameter link: what the chain that it is in, if any, asks of it.
  /// - Throws: the structural refusal with the highest precedence.
  package static func check(
    _ command: PostingCommand,
    link: PostingLink = .none
  ) throws(PostingRefusal) -> BookablePosting {
    guard let merchant = command.merchant else { throw .merchantInvalid }
    guard let effectiveAt = command.effectiveAtMicroseconds else { throw .effectiveTimeInvalid }
    guard let action = action(of: command) else { throw .phaseInvalid }
    if link != .none, command.recordsFact { throw .linkedFact }
    if link == .open { throw .linkedChainOpen }
    let count = entryCount(action, isFact: command.recordsFact)
    guard command.entries.count >= count.lowerBound,
      command.entries.count != 1 || count.upperBound < 1
    else { throw .tooFewEntries }
    guard command.entries.count <= count.upperBound else { throw .tooManyEntries }
    let currencies = try currencies(of: command.entries)
    let sides = try sides(of: command.entries)
    guard command.entries.allSatisfy({ $0.amountMinor > 0 }) else { throw .amountNotPositive }
    guard try balances(command.entries, sides, currencies) else { throw .unbalanced }
    guard let metadata = command.metadata else { throw .metadataInvalid }

    var remarks: [PostingRemark] = []
    var accountsKnown = true
    var entries: [BookableEntry] = []
    entries.reserveCapacity(command.entries.count)
    for (index, entry) in command.entries.enumerated() {
      let bookable = Self.entry(
        entry.accountCode,
        sides[index],
        currencies[index],
        entry.amountMinor
      )
      if bookable.submittedCode != nil {
        accountsKnown = false
        remarks.append(.accountInSuspense(code: entry.accountCode))
      }
      entries.append(bookable)
    }
    let kindKnown = PostingKind(rawValue: command.kind) != nil
    if !kindKnown { remarks.append(.kindUnknown(command.kind)) }
    return BookablePosting(
      command: command,
      merchant: merchant,
      effectiveAtMicroseconds: effectiveAt,
      action: action,
      metadata: metadata,
      entries: entries,
      remarks: command.recordsFact ? remarks : [],
      refusal: command.recordsFact
        ? nil : !kindKnown ? .kindUnknown : !accountsKnown ? .accountUnknown : nil
    )
  }

  /// What a caller may ask for. A hold or its release moves nothing that could be a fact.
  private static func action(of command: PostingCommand) -> PostingAction? {
    switch command.action {
    case .pending, .voidPending: command.recordsFact ? nil : command.action
    case .postPending(let id), .reverse(let id): id == command.id ? nil : command.action
    case .post: .post
    case .expirePending, nil: nil
    }
  }

  /// Who asks may leave out the legs of a transaction that is named, and means all of them. What
  /// has happened says itself what it was.
  private static func entryCount(_ action: PostingAction, isFact: Bool) -> ClosedRange<Int> {
    switch action {
    case .post, .pending: entryCount
    case .postPending, .reverse: isFact ? entryCount : 0...entryCount.upperBound
    case .voidPending, .expirePending: 0...0
    }
  }

  /// A leg on an account, or in suspense where the chart does not know it.
  static func entry(
    _ code: String,
    _ side: Side,
    _ currency: Currency,
    _ amountMinor: Int64
  ) -> BookableEntry {
    let place = place(of: code)
    return BookableEntry(
      account: place.account,
      line: place.line,
      side: side,
      currency: currency,
      amountMinor: amountMinor,
      submittedCode: place.inSuspense ? code : nil
    )
  }

  private static let suspense: (account: AccountCode, line: ChartLine)? =
    AccountCode(ChartOfAccounts.suspenseCode).flatMap { code in
      ChartOfAccounts.line(of: code).map { (code, $0) }
    }

  /// The account of a code, or suspense where the chart does not know it.
  private static func place(
    of text: String
  ) -> (account: AccountCode, line: ChartLine, inSuspense: Bool) {
    if let code = AccountCode(text), let line = ChartOfAccounts.line(of: code) {
      return (code, line, false)
    }
    guard let suspense else { preconditionFailure("the chart has no suspense account") }
    return (suspense.account, suspense.line, true)
  }

  private static func currencies(
    of entries: [PostingEntry]
  ) throws(PostingRefusal) -> [Currency] {
    var result: [Currency] = []
    result.reserveCapacity(entries.count)
    for entry in entries {
      guard let currency = Currency(entry.currencyCode) else { throw .currencyUnknown }
      result.append(currency)
    }
    return result
  }

  private static func sides(of entries: [PostingEntry]) throws(PostingRefusal) -> [Side] {
    var result: [Side] = []
    result.reserveCapacity(entries.count)
    for entry in entries {
      guard let side = entry.side else { throw .sideMissing }
      result.append(side)
    }
    return result
  }

  /// Whether debits equal credits in each currency.
  ///
  /// - Throws: `overflow` if a side of a currency has no sum in 64 bits.
  private static func balances(
    _ entries: [PostingEntry],
    _ sides: [Side],
    _ currencies: [Currency]
  ) throws(PostingRefusal) -> Bool {
    var totals: [(currency: Currency, debits: Int64, credits: Int64)] = []
    for index in entries.indices {
      let place: Int
      if let known = totals.firstIndex(where: { $0.currency == currencies[index] }) {
        place = known
      } else {
        place = totals.count
        totals.append((currencies[index], 0, 0))
      }
      let before = sides[index] == .debit ? totals[place].debits : totals[place].credits
      let (sum, overflow) = before.addingReportingOverflow(entries[index].amountMinor)
      guard !overflow else { throw .overflow }
      if sides[index] == .debit {
        totals[place].debits = sum
      } else {
        totals[place].credits = sum
      }
    }
    return totals.allSatisfy { $0.debits == $0.credits }
  }
}
