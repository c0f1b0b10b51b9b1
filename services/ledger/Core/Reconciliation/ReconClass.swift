/// What comparing the books with the reports found of one line or one item: exactly one of these.
///
/// A line is what a gateway reports; an item is what the books have on the clearing account. The
/// raw values are those of contract, SQL and command line.
package enum ReconClass: String, Sendable, Hashable, CaseIterable {
  /// Books and report say the same.
  case matched
  /// Booked, not reported, and not yet due.
  case timing
  /// Reported, not booked.
  case missingInternal = "missing_internal"
  /// Booked, not reported, and overdue.
  case missingExternal = "missing_external"
  case amountMismatch = "amount_mismatch"
  /// The fee is not the agreed one, or gross less fee is not net; of an item: not the fee that is reported
  /// under its name.
  case feeMismatch = "fee_mismatch"
  case currencyMismatch = "currency_mismatch"
  /// Both know the movement, and differ in what became of it: captured here, failed there.
  case statusMismatch = "status_mismatch"
  /// Reported, or booked, a second time.
  case duplicate
  /// A reversal of something that neither books nor reports know.
  case orphanReversal = "orphan_reversal"
  /// A payout is not the sum of what it is said to consist of.
  case batchTotalMismatch = "batch_total_mismatch"
  /// A line of a type that no booking is known for.
  case unknownType = "unknown_type"

  /// Whether somebody must look. What is not due yet needs nobody.
  package var isBreak: Bool { self != .matched && self != .timing }

  /// Money may have moved that the books do not show, or the reverse: never only a matter of cost.
  package var concernsPrincipal: Bool { isBreak && self != .feeMismatch }
}
