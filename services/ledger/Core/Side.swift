/// A side of the books.
package enum Side: Int16, Hashable, Sendable, CaseIterable {
  // The numbers are those of the tables: side × amount sums to zero over a transaction.
  case debit = 1
  case credit = -1

  package var opposite: Side { self == .debit ? .credit : .debit }
}

/// What an account stands for; decides the statement it appears in.
package enum AccountClass: String, Hashable, Sendable, CaseIterable {
  case asset
  case liability
  case income
  case expense
  /// Money whose place is not known yet; must be worked down to zero.
  case suspense
}
