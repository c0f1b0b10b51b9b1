package import Money

/// Why a command is not posted, in order of precedence: the first that applies is the answer.
///
/// The raw values are API.
package enum PostingRefusal: String, Error, Hashable, Sendable, CaseIterable {
  // What the command itself cannot be. The same command always gets the same answer; nothing is
  // remembered, and a corrected command may use the id.
  case merchantInvalid = "MERCHANT_INVALID"
  case effectiveTimeInvalid = "EFFECTIVE_TIME_INVALID"
  /// Phase, pending_id, expires_at and reverses do not go together, or not with records_fact.
  case phaseInvalid = "PHASE_INVALID"
  /// What has happened cannot depend on a neighbour.
  case linkedFact = "LINKED_FACT"
  /// The last command of a request is linked to none.
  case linkedChainOpen = "LINKED_CHAIN_OPEN"
  case tooFewEntries = "TOO_FEW_ENTRIES"
  case tooManyEntries = "TOO_MANY_ENTRIES"
  case currencyUnknown = "CURRENCY_UNKNOWN"
  case sideMissing = "SIDE_MISSING"
  case amountNotPositive = "AMOUNT_NOT_POSITIVE"
  /// Of the command's own sums; of an account's sums it comes after all others.
  case overflow = "OVERFLOW"
  case unbalanced = "UNBALANCED"
  /// Beyond the limits of `TransactionMetadata`, or a key twice.
  case metadataInvalid = "METADATA_INVALID"
  /// An operator alone asks for what two people approve (`PostingTable.needsTwoPeople`).
  case kindNeedsApproval = "KIND_NEEDS_APPROVAL"

  // What the books do not allow now. Remembered with the id for authorising commands, so that a
  // retry cannot turn a refusal into a posting; facts are booked anyway.
  case kindUnknown = "KIND_UNKNOWN"
  case accountUnknown = "ACCOUNT_UNKNOWN"
  /// A person has closed an account that it has a leg on.
  case accountClosed = "ACCOUNT_CLOSED"
  /// It is to take effect in a day that is closed for good.
  case daySealed = "DAY_SEALED"
  case expiryPassed = "EXPIRY_PASSED"
  case expiryTooFar = "EXPIRY_TOO_FAR"
  case pendingUnknown = "PENDING_UNKNOWN"
  case pendingPosted = "PENDING_POSTED"
  case pendingVoided = "PENDING_VOIDED"
  case pendingExpired = "PENDING_EXPIRED"
  case pendingExceeded = "PENDING_EXCEEDED"
  case reversedUnknown = "REVERSED_UNKNOWN"
  case reversedAlready = "REVERSED_ALREADY"
  case reversalDiffers = "REVERSAL_DIFFERS"
  case balanceBelowLimit = "BALANCE_BELOW_LIMIT"
  case balanceAboveLimit = "BALANCE_ABOVE_LIMIT"
  /// Another transaction of the chain was refused; remembered if that one's reason is.
  case linkedTransactionFailed = "LINKED_TRANSACTION_FAILED"

  /// Depends on nothing but the command and who sends it, and holds for facts too.
  package var isStructural: Bool {
    switch self {
    case .merchantInvalid, .effectiveTimeInvalid, .phaseInvalid, .linkedFact, .linkedChainOpen,
      .tooFewEntries, .tooManyEntries, .currencyUnknown, .sideMissing, .amountNotPositive,
      .overflow, .unbalanced, .metadataInvalid, .kindNeedsApproval:
      true
    case .kindUnknown, .accountUnknown, .accountClosed, .daySealed, .expiryPassed, .expiryTooFar,
      .pendingUnknown, .pendingPosted, .pendingVoided, .pendingExpired, .pendingExceeded,
      .reversedUnknown, .reversedAlready, .reversalDiffers, .balanceBelowLimit,
      .balanceAboveLimit, .linkedTransactionFailed:
      false
    }
  }
}

/// Something that was booked although a person must look at it.
package enum PostingRemark: Hashable, Sendable {
  /// The account is not in the chart: its amount lies in suspense.
  case accountInSuspense(code: String)
  /// The kind is in no posting template.
  case kindUnknown(String)
  /// It posts a held transaction that is not there, has ended, or held less.
  case pendingDiffers(LedgerTransactionID)
  /// It reverses a transaction that is not there, was reversed before, or moved something else.
  case reversalDiffers(LedgerTransactionID)
}
