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
  package let command: PostingCommand
  package let merchant: MerchantID
  package let effectiveAtMicroseconds: Int64
  package let entries: [BookableEntry]
  package let remarks: [PostingRemark]
  /// Why an authorising command is not booked unless its id is there already; nil for facts.
  package let refusal: PostingRefusal?
}

/// What may be posted.
package enum PostingRules {
  /// Fewest and most legs of one transaction.
  package static let entryCount = 2...32

  /// Checks everything that needs no table.
  ///
  /// - Throws: the structural refusal with the highest precedence.
  package static func check(
    _ command: PostingCommand
  ) throws(PostingRefusal) -> BookablePosting {
    guard let merchant = command.merchant else { throw .merchantInvalid }
    guard let effectiveAt = command.effectiveAtMicroseconds else { throw .effectiveTimeInvalid }
    guard command.entries.count >= entryCount.lowerBound else { throw .tooFewEntries }
    guard command.entries.count <= entryCount.upperBound else { throw .tooManyEntries }
    let currencies = try currencies(of: command.entries)
    let sides = try sides(of: command.entries)
    guard command.entries.allSatisfy({ $0.amountMinor > 0 }) else { throw .amountNotPositive }
    guard try balances(command.entries, sides, currencies) else { throw .unbalanced }

    var remarks: [PostingRemark] = []
    var accountsKnown = true
    var entries: [BookableEntry] = []
    entries.reserveCapacity(command.entries.count)
    for (index, entry) in command.entries.enumerated() {
      let place = place(of: entry.accountCode)
      if place.inSuspense {
        accountsKnown = false
        remarks.append(.accountInSuspense(code: entry.accountCode))
      }
      entries.append(
        BookableEntry(
          account: place.account,
          line: place.line,
          side: sides[index],
          currency: currencies[index],
          amountMinor: entry.amountMinor,
          submittedCode: place.inSuspense ? entry.accountCode : nil
        )
      )
    }
    let kindKnown = PostingKind(rawValue: command.kind) != nil
    if !kindKnown { remarks.append(.kindUnknown(command.kind)) }
    return BookablePosting(
      command: command,
      merchant: merchant,
      effectiveAtMicroseconds: effectiveAt,
      entries: entries,
      remarks: command.recordsFact ? remarks : [],
      refusal: command.recordsFact
        ? nil : !kindKnown ? .kindUnknown : !accountsKnown ? .accountUnknown : nil
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
