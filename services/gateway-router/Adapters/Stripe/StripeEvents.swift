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
  package static let pageSize = 100
  /// What is read of a page, in bytes: ten thousand for each of its events.
  package static let pageBytesMax = 1 << 20

  /// One event as the webhook would bring it.
  package struct Listed: Sendable, Hashable {
    package var id: String
    package var createdSeconds: Int64
    package var body: [UInt8]
  }

  package enum Page: Sendable, Hashable {
    case events([Listed], hasMore: Bool)
    /// The event after which the page should begin is not in the list any more.
    case cursorUnknown
    case failed(String)
  }

  package static func list(from: Int64, after: String?) -> GatewayRequest {
    var form = FormEncoding()
    form.add("created[gte]", String(from))
    form.add("limit", String(pageSize))
    form.add("starting_after", after)
    for type in types { form.add("types[]", type) }
    return GatewayRequest(
      method: .get,
      path: "/v1/events?" + String(decoding: form.bytes, as: UTF8.self),
      headers: [StripeGateway.versionHeader],
      body: [],
      idempotencyKey: nil,
      hasMoneyEffect: false
    )
  }

  private struct List: Decodable {
    var data: [JSONValue]
    var has_more: Bool
  }

  /// Takes longer than the reactor may be held up: call it on a worker.
  package static func read(_ facts: TransferFacts, after: String?) -> Page {
    guard facts.stage == .answered, let status = facts.status else { return .failed("no answer") }
    if after != nil, status == 400 || status == 404 { return .cursorUnknown }
    guard status == 200, !facts.isTruncated,
      let list = JSONReading.decode(List.self, from: facts.body, sizeMax: pageBytesMax)
    else { return .failed("HTTP \(status)") }
    var events: [Listed] = []
    for value in list.data {
      guard case .object(let members) = value, case .text(let id)? = members["id"], !id.isEmpty,
        case .integer(let created)? = members["created"]
      else { return .failed("an event without id or time") }
      events.append(
        Listed(id: id, createdSeconds: created, body: JSONReading.encode(value))
      )
    }
    guard !list.has_more || !events.isEmpty else {
      return .failed("an empty page with more behind")
    }
    return .events(events, hasMore: list.has_more)
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
