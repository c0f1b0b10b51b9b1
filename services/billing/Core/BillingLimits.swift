/// The named limits of billing.
package enum BillingLimits {
  /// The largest price and the largest invoice, in minor units; as intents takes them.
  package static let amountMinorMax: Int64 = 99_999_999_999
  package static let quantityMax: Int64 = 1_000_000
  /// How far one step may move a test merchant's clock.
  package static let clockStepDaysMax: Int64 = 731
  /// A first invoice that is not paid within this time ends its subscription.
  package static let firstPaymentHours: Int64 = 23
}
