package import Money

/// The proof beside the lines, per currency: nothing is lost and nothing counted twice.
package struct ControlTotal: Sendable, Hashable {
  package var currency: Currency
  /// What the books say that the gateway holds for us.
  package var clearingBalanceMinor: Int64
  /// Items that no line answers.
  package var openItemsMinor: Int64
  /// Items that a line answers.
  package var pairedItemsMinor: Int64
  /// The gross amounts of those lines.
  package var pairedLinesMinor: Int64
  /// The gross amounts of lines that nothing in the books answers; duplicates are none.
  package var unbookedLinesMinor: Int64
  /// The fees within all lines, and those of them that nobody has booked.
  package var feesMinor: Int64
  package var unbookedFeesMinor: Int64

  package init(
    currency: Currency,
    clearingBalanceMinor: Int64,
    openItemsMinor: Int64,
    pairedItemsMinor: Int64,
    pairedLinesMinor: Int64,
    unbookedLinesMinor: Int64,
    feesMinor: Int64,
    unbookedFeesMinor: Int64 = 0
  ) {
    self.currency = currency
    self.clearingBalanceMinor = clearingBalanceMinor
    self.openItemsMinor = openItemsMinor
    self.pairedItemsMinor = pairedItemsMinor
    self.pairedLinesMinor = pairedLinesMinor
    self.unbookedLinesMinor = unbookedLinesMinor
    self.feesMinor = feesMinor
    self.unbookedFeesMinor = unbookedFeesMinor
  }

  /// Zero, or the items are not the account: then no figure of the run can be trusted.
  package var deviationMinor: Int64 {
    clearingBalanceMinor &- openItemsMinor &- pairedItemsMinor
  }

  /// What the account will hold once all that was reported is booked. With every line paid out,
  /// these are the open items: clearing comes to rest.
  package var afterBookingMinor: Int64 {
    clearingBalanceMinor &+ (pairedLinesMinor &- pairedItemsMinor) &+ unbookedLinesMinor
      &- feesMinor
  }
}
