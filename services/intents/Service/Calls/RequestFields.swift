import IntentsCore
import Money
import ServiceKit
import Wire

/// Request fields as domain values. Their shape was checked when they were decoded; what is left
/// are the rules of this service.
enum RequestFields {
  static func amount(_ money: CommonV1.Money?, field: String) throws(RPCFailure) -> Amount {
    guard let money, let currency = Currency(money.currency) else {
      throw .invalid(
        "\(field).currency", "CURRENCY_UNKNOWN", "The currency is no ISO 4217 code Tender knows.")
    }
    guard money.amountMinor > 0 else {
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_NOT_POSITIVE", "The amount must be positive.")
    }
    guard money.amountMinor <= IntentLimits.amountMinorMax else {
      throw .invalid(
        "\(field).amount_minor", "AMOUNT_TOO_LARGE",
        "The amount is above \(IntentLimits.amountMinorMax) minor units.")
    }
    return Amount(currency, minor: money.amountMinor)
  }

  static func captureMethod(
    _ wire: GatewayV1.CaptureMethod
  ) throws(RPCFailure) -> CaptureMethod {
    if case .unspecified = wire { return .automatic }
    guard let method = CaptureMethod(rawValue: Int16(clamping: wire.rawValue)) else {
      throw .invalid("capture_method", "ENUM_UNKNOWN", "The capture method is not known.")
    }
    return method
  }

  /// An id whose prefix was already checked; empty means absent.
  static func id<Kind>(
    _ text: String, _ field: String, as type: EntityID<Kind>.Type
  ) throws(RPCFailure) -> EntityID<Kind>? {
    if text.isEmpty { return nil }
    guard let id = EntityID<Kind>(text) else {
      throw .invalid(field, "ID_INVALID", "This is not an id of the kind the field takes.")
    }
    return id
  }

  static func requiredID<Kind>(
    _ text: String, _ field: String, as type: EntityID<Kind>.Type
  ) throws(RPCFailure) -> EntityID<Kind> {
    guard let id = try id(text, field, as: type) else {
      throw .invalid(field, "FIELD_REQUIRED", "This field is required.")
    }
    return id
  }

  /// Keys of one object are distinct.
  static func metadata(_ entries: [CommonV1.MetadataEntry]) throws(RPCFailure) {
    var seen: Set<String> = []
    for (index, entry) in entries.enumerated() where !seen.insert(entry.key).inserted {
      throw .invalid("metadata[\(index)].key", "KEY_DUPLICATE", "This key is there twice.")
    }
  }
}
