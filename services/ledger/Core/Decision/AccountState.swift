/// What an account may hold at least and at most, on its normal side; held amounts count against
/// both. Nil: no limit.
package struct AccountLimits: Hashable, Sendable {
  package var minimumMinor: Int64?
  package var maximumMinor: Int64?

  /// Nil if the minimum is above the maximum, or the most negative number, which has no opposite.
  package init?(minimumMinor: Int64?, maximumMinor: Int64?) {
    guard minimumMinor != .min, maximumMinor != .min else { return nil }
    if let minimumMinor, let maximumMinor, minimumMinor > maximumMinor { return nil }
    self.minimumMinor = minimumMinor
    self.maximumMinor = maximumMinor
  }

  package static let none = AccountLimits()

  private init() {}
}

/// One of an account's limits.
package enum AccountBound: String, Hashable, Sendable {
  case minimum, maximum
}

/// An account's sums, as decisions need them.
package struct AccountState: Hashable, Sendable {
  /// Debits and credits of what has moved, or of what is held.
  package struct Sums: Hashable, Sendable {
    package var debitsMinor: Int64
    package var creditsMinor: Int64

    package init(debitsMinor: Int64 = 0, creditsMinor: Int64 = 0) {
      self.debitsMinor = debitsMinor
      self.creditsMinor = creditsMinor
    }

    subscript(side: Side) -> Int64 {
      get { side == .debit ? debitsMinor : creditsMinor }
      set { if side == .debit { debitsMinor = newValue } else { creditsMinor = newValue } }
    }
  }

  package var normalSide: Side
  package var posted: Sums
  package var pending: Sums
  /// What was held before the batch, and all that the batch holds, whatever it releases: the
  /// database adds all of a batch's holds before it releases any.
  private(set) var heldInBatch: Sums
  package var limits: AccountLimits
  /// Only facts are booked on it.
  package var isClosed: Bool

  package init(
    normalSide: Side,
    posted: Sums = Sums(),
    pending: Sums = Sums(),
    limits: AccountLimits = .none,
    isClosed: Bool = false
  ) {
    self.normalSide = normalSide
    self.posted = posted
    self.pending = pending
    heldInBatch = pending
    self.limits = limits
    self.isClosed = isClosed
  }

  /// Adds a leg that moves, or is held.
  ///
  /// - Throws: `overflow` if a sum would leave 64 bits, also on the way through the batch.
  mutating func add(
    _ amountMinor: Int64,
    _ side: Side,
    isHeld: Bool
  ) throws(PostingRefusal) {
    guard isHeld else {
      posted[side] = try Self.sum(posted[side], amountMinor)
      return
    }
    heldInBatch[side] = try Self.sum(heldInBatch[side], amountMinor)
    pending[side] = try Self.sum(pending[side], amountMinor)
  }

  private static func sum(_ one: Int64, _ other: Int64) throws(PostingRefusal) -> Int64 {
    let (sum, overflow) = one.addingReportingOverflow(other)
    guard !overflow else { throw .overflow }
    return sum
  }

  /// What has moved, on the normal side.
  package var balanceMinor: Int128 {
    Int128(posted[normalSide]) - Int128(posted[normalSide.opposite])
  }

  /// The balance if of all that is held only what lowers it were posted.
  package var lowestMinor: Int128 { balanceMinor - Int128(pending[normalSide.opposite]) }

  /// The balance if of all that is held only what raises it were posted.
  package var highestMinor: Int128 { balanceMinor + Int128(pending[normalSide]) }

  /// The limit that it is beyond: facts may take it there, or a limit that was set anew.
  package var passed: AccountBound? {
    if let minimum = limits.minimumMinor, lowestMinor < Int128(minimum) { return .minimum }
    if let maximum = limits.maximumMinor, highestMinor > Int128(maximum) { return .maximum }
    return nil
  }

  /// Why an authorising command may not change `before` into this; what brings the account closer
  /// to its limits is allowed, wherever facts have taken it.
  package func refusal(from before: AccountState) -> PostingRefusal? {
    if let minimum = limits.minimumMinor, lowestMinor < Int128(minimum),
      lowestMinor < before.lowestMinor
    {
      return .balanceBelowLimit
    }
    if let maximum = limits.maximumMinor, highestMinor > Int128(maximum),
      highestMinor > before.highestMinor
    {
      return .balanceAboveLimit
    }
    return nil
  }
}
