package import Money

extension CommonV1.Money {
  package init(_ amount: Amount) {
    self.init(currency: amount.currency.code, amountMinor: amount.minor)
  }
}
