/// An amount of money: whole minor units of one currency. Negative values are allowed in arithmetic;
/// `parse` never makes one.
package struct Amount: Hashable, Sendable, CustomStringConvertible {
  package var currency: Currency
  /// In minor units: 4999 is 49.99 EUR, 4999 JPY or 4.999 KWD.
  package var minor: Int64

  package init(_ currency: Currency, minor: Int64) {
    self.currency = currency
    self.minor = minor
  }

  package static func zero(_ currency: Currency) -> Amount { Amount(currency, minor: 0) }

  /// "49.99 EUR".
  package var description: String { "\(decimal) \(currency)" }

  /// "49.99": all digits of the minor unit, no grouping, "-" in front if negative.
  package var decimal: String {
    let exponent = currency.exponent
    var digits = Array(String(minor.magnitude).utf8)
    if digits.count <= exponent {
      digits.insert(contentsOf: Array(repeating: 0x30, count: exponent + 1 - digits.count), at: 0)
    }
    if exponent > 0 { digits.insert(0x2E, at: digits.count - exponent) }
    if minor < 0 { digits.insert(0x2D, at: 0) }
    return String(decoding: digits, as: UTF8.self)
  }
}

/// Why a sum of amounts does not exist, in the order of checking.
package enum AmountError: Error, Hashable, Sendable {
  /// Two currencies in one operation.
  case currencyMismatch
  /// The result does not fit into 64 bits.
  case overflow
}

extension Amount {
  /// - Throws: `currencyMismatch`, `overflow`.
  package func adding(_ other: Amount) throws(AmountError) -> Amount {
    guard currency == other.currency else { throw .currencyMismatch }
    let (sum, overflow) = minor.addingReportingOverflow(other.minor)
    guard !overflow else { throw .overflow }
    return Amount(currency, minor: sum)
  }

  /// - Throws: `currencyMismatch`, `overflow`.
  package func subtracting(_ other: Amount) throws(AmountError) -> Amount {
    guard currency == other.currency else { throw .currencyMismatch }
    let (difference, overflow) = minor.subtractingReportingOverflow(other.minor)
    guard !overflow else { throw .overflow }
    return Amount(currency, minor: difference)
  }

  /// - Throws: `overflow`.
  package func multiplied(by factor: Int64) throws(AmountError) -> Amount {
    let (product, overflow) = minor.multipliedReportingOverflow(by: factor)
    guard !overflow else { throw .overflow }
    return Amount(currency, minor: product)
  }

  /// - Throws: `overflow`.
  package func negated() throws(AmountError) -> Amount { try multiplied(by: -1) }

  /// - Throws: `currencyMismatch`.
  package func isLess(than other: Amount) throws(AmountError) -> Bool {
    guard currency == other.currency else { throw .currencyMismatch }
    return minor < other.minor
  }

  /// The sum of a list in one currency; the empty list sums to zero.
  /// - Throws: `currencyMismatch`, `overflow`.
  package static func sum(
    _ amounts: some Sequence<Amount>,
    _ currency: Currency
  ) throws(AmountError) -> Amount {
    var total = Amount.zero(currency)
    for amount in amounts { total = try total.adding(amount) }
    return total
  }
}
