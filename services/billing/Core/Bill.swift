package import Money

/// What a subscription was agreed to cost, for ever as at its start.
package struct BillingContract: Sendable, Hashable {
  package var schedule: BillingSchedule
  package var unitAmount: Amount
  package var quantity: Int64
  package var description: String

  package init(
    schedule: BillingSchedule, unitAmount: Amount, quantity: Int64, description: String
  ) {
    self.schedule = schedule
    self.unitAmount = unitAmount
    self.quantity = quantity
    self.description = description
  }
}

/// A line of an invoice.
package struct BillLine: Sendable, Hashable {
  package var description: String
  package var quantity: Int64
  package var amount: Amount
  package var start: Timestamp
  package var end: Timestamp

  package init(
    description: String, quantity: Int64, amount: Amount, start: Timestamp, end: Timestamp
  ) {
    self.description = description
    self.quantity = quantity
    self.amount = amount
    self.start = start
    self.end = end
  }
}

/// Why a period cannot be billed.
package enum BillRefusal: Error, Sendable, Hashable {
  /// The period lies beyond the year 9999.
  case periodOutOfRange
  /// Above `BillingLimits.amountMinorMax`.
  case amountTooLarge
}

/// The bill of one period: a pure function of the contract and the period's index, so that a
/// preview and the bill itself are the same, and billing again changes nothing.
package struct Bill: Sendable, Hashable {
  package let period: BillingPeriod
  package let lines: [BillLine]
  package let total: Amount

  /// - Throws: `periodOutOfRange`, `amountTooLarge`.
  package init(of contract: BillingContract, period index: Int) throws(BillRefusal) {
    guard let period = contract.schedule.period(index) else { throw .periodOutOfRange }
    let total = try Self.total(contract.unitAmount, quantity: contract.quantity)
    self.period = period
    self.total = total
    lines = [
      BillLine(
        description: contract.description, quantity: contract.quantity, amount: total,
        start: period.start, end: period.end)
    ]
  }

  /// Unit amount times quantity. - Throws: `amountTooLarge`.
  package static func total(
    _ unitAmount: Amount, quantity: Int64
  ) throws(BillRefusal) -> Amount {
    let total: Amount
    do {
      total = try unitAmount.multiplied(by: quantity)
    } catch {
      throw .amountTooLarge
    }
    guard total.minor <= BillingLimits.amountMinorMax else { throw .amountTooLarge }
    return total
  }
}
