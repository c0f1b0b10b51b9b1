import BillingCore
import Money
import ServiceKit
import Wire

/// Request fields as domain values. Their shape was checked when they were decoded; what is left
/// are the rules of this service.
enum RequestFields {
  /// An id whose prefix was already checked.
  static func id<Kind>(
    _ text: String, _ field: String, as type: EntityID<Kind>.Type = EntityID<Kind>.self
  ) throws(RPCFailure) -> EntityID<Kind> {
    guard let id = EntityID<Kind>(text) else {
      throw .invalid(field, "ID_INVALID", "This is not an id of the kind the field takes.")
    }
    return id
  }

  /// A price: zero or more.
  static func amount(_ money: CommonV1.Money?, field: String) throws(RPCFailure) -> Amount {
    guard let money, let currency = Currency(money.currency) else {
      throw .invalid(
        "\(field).currency", "CURRENCY_UNKNOWN", "The currency is no ISO 4217 code Tender knows.")
    }
    guard money.amountMinor >= 0 else {
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_NEGATIVE", "The amount must not be negative.")
    }
    guard money.amountMinor <= BillingLimits.amountMinorMax else {
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_TOO_LARGE",
        "The amount is above \(BillingLimits.amountMinorMax) minor units.")
    }
    return Amount(currency, minor: money.amountMinor)
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
