import FoundationEssentials
package import GatewayCore

/// Stripe's list of events: what its webhooks told, or tried to tell, within 30 days.
package enum StripeEvents {
  /// The types that somebody here acts on; choose the same for the webhook endpoint, which may leave
  /// out `amount_capturable_updated`: answers and looks tell it. At most 20.
  package static let types = [
    "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled",
    "payment_intent.amount_capturable_updated", "refund.updated", "refund.failed",
    "charge.dispute.created", "charge.dispute.closed",
  ]
  /// One event as the webhook would bring it.
  package struct Listed: Sendable, Hashable {
    package var id: String
    package var createdSeconds: Int64
    package var body: [UInt8]
  }

  package static func list(from: Int64, after: String?) -> GatewayRequest {
    StripeList.request("/v1/events", from: from, after: after, types: types)
  }

  package static func read(_ facts: TransferFacts, after: String?) -> StripeListPage<Listed> {
    StripeList.read(facts, after: after, unreadable: "an event without id or time", item: listed)
  }

  private static func listed(_ value: JSONValue) -> Listed? {
    guard case .object(let members) = value, case .text(let id)? = members["id"], !id.isEmpty,
      case .integer(let created)? = members["created"]
    else { return nil }
    return Listed(id: id, createdSeconds: created, body: JSONReading.encode(value))
  }
}

/// Any JSON, kept as it is.
private enum JSONValue: Codable {
  case null
  case flag(Bool)
  case integer(Int64)
  case number(Double)
  case text(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .flag(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .flag(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}
