import BillingCore
import Money
import ServiceKit
import Wire

/// The rules of this service's own fields.
extension RequestFields {
  /// A price: zero or more.
  static func amount(_ money: CommonV1.Money?, field: String) throws(RPCFailure) -> Amount {
    try amount(money, field: field, from: .zero, upTo: BillingLimits.amountMinorMax)
  }

  static func interval(
    _ unit: BillingV1.IntervalUnit, count: UInt32
  ) throws(RPCFailure) -> BillingInterval {
    guard let known = IntervalUnit(rawValue: Int16(clamping: unit.rawValue)),
      let interval = BillingInterval(known, count: count == 0 ? 1 : Int(count))
    else {
      throw .invalid(
        "interval_unit", "INTERVAL_INVALID",
        "A price has an interval of 1 to \(BillingInterval.countMax) days, weeks, months or years.")
    }
    return interval
  }
}
