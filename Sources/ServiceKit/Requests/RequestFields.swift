package import Money
package import Wire

/// Request fields as domain values. Their shape was checked when they were decoded; what is left
/// are rules. Each service adds those of its own fields.
package enum RequestFields {
  /// The smallest amount that an operation takes.
  package enum AmountFloor: Sendable {
    case positive
    /// A price: zero or more.
    case zero
  }

  package static func amount(
    _ money: CommonV1.Money?, field: String, from floor: AmountFloor, upTo minorMax: Int64
  ) throws(RPCFailure) -> Amount {
    guard let money, let currency = Currency(money.currency) else {
      throw .invalid(
        "\(field).currency", "CURRENCY_UNKNOWN", "The currency is no ISO 4217 code Tender knows.")
    }
    switch floor {
    case .positive where money.amountMinor <= 0:
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_NOT_POSITIVE", "The amount must be positive.")
    case .zero where money.amountMinor < 0:
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_NEGATIVE", "The amount must not be negative.")
    case .positive, .zero: break
    }
    guard money.amountMinor <= minorMax else {
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_TOO_LARGE",
        "The amount is above \(minorMax) minor units.")
    }
    return Amount(currency, minor: money.amountMinor)
  }

  /// The merchant of one row of a batch between services.
  package static func merchant(
    _ text: String, _ field: String
  ) throws(RPCFailure) -> MerchantID {
    guard let merchant = MerchantID(text) else {
      throw .invalid(field, "MERCHANT_INVALID", "No merchant id.")
    }
    return merchant
  }

  /// An id whose prefix was already checked; empty means absent.
  package static func id<Kind>(
    _ text: String, _ field: String, as type: EntityID<Kind>.Type = EntityID<Kind>.self
  ) throws(RPCFailure) -> EntityID<Kind>? {
    if text.isEmpty { return nil }
    guard let id = EntityID<Kind>(text) else {
      throw .invalid(field, "ID_INVALID", "This is not an id of the kind the field takes.")
    }
    return id
  }

  package static func requiredID<Kind>(
    _ text: String, _ field: String, as type: EntityID<Kind>.Type = EntityID<Kind>.self
  ) throws(RPCFailure) -> EntityID<Kind> {
    guard let id = try id(text, field, as: type) else {
      throw .invalid(field, "FIELD_REQUIRED", "This field is required.")
    }
    return id
  }
}
