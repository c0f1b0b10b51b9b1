/// Why a command is not posted, in order of precedence: the first that applies is the answer.
///
/// The raw values are API.
package enum PostingRefusal: String, Error, Hashable, Sendable, CaseIterable {
  // What the command itself cannot be. The same command always gets the same answer; nothing is
  // remembered, and a corrected command may use the id.
  case merchantInvalid = "MERCHANT_INVALID"
  case effectiveTimeInvalid = "EFFECTIVE_TIME_INVALID"
  case tooFewEntries = "TOO_FEW_ENTRIES"
  case tooManyEntries = "TOO_MANY_ENTRIES"
  case currencyUnknown = "CURRENCY_UNKNOWN"
  case sideMissing = "SIDE_MISSING"
  case amountNotPositive = "AMOUNT_NOT_POSITIVE"
  case overflow = "OVERFLOW"
  case unbalanced = "UNBALANCED"

  // What the books do not allow now. Remembered with the id for authorising commands, so that a
  // retry cannot turn a refusal into a posting; facts are booked anyway.
  case kindUnknown = "KIND_UNKNOWN"
  case accountUnknown = "ACCOUNT_UNKNOWN"

  /// Depends on nothing but the command, and holds for facts too.
  package var isStructural: Bool {
    switch self {
    case .merchantInvalid, .effectiveTimeInvalid, .tooFewEntries, .tooManyEntries,
      .currencyUnknown, .sideMissing, .amountNotPositive, .overflow, .unbalanced:
      true
    case .kindUnknown, .accountUnknown: false
    }
  }
}

/// Something that was booked although a person must look at it.
package enum PostingRemark: Hashable, Sendable {
  /// The account is not in the chart: its amount lies in suspense.
  case accountInSuspense(code: String)
  /// The kind is in no posting template.
  case kindUnknown(String)
}
