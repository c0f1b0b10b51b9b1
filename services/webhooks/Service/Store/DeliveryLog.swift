import Money
import Postgres
import ServiceKit
import WebhooksCore
import Wire

/// Deliveries with their attempts, as merchants see them.
struct DeliveryLog: Sendable {
  /// Most deliveries in one answer.
  static let listMax: Int64 = 200
  /// Most attempts shown of one delivery, the last ones.
  static let attemptsMax: Int32 = 50

  private static let columns =
    "d.id, d.event_id, d.endpoint_id, d.state, d.next_attempt_at, d.attempts"

  static func ofEvent(_ event: EventID, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from delivery d
    where d.merchant_id = \(merchant) and d.event_id = \(event)
    order by d.id desc limit \(listMax)
    """
  }

  static func ofObject(_ objectID: String, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from event v
    join delivery d on d.merchant_id = v.merchant_id and d.event_id = v.id
    where v.merchant_id = \(merchant) and v.object_id = \(objectID)
    order by v.sequence desc, d.id desc limit \(listMax)
    """
  }

  static func byID(_ id: DeliveryID, _ merchant: MerchantID) -> Statement {
    """
    select \(raw: columns) from delivery d
    where d.merchant_id = \(merchant) and d.id = \(id)
    """
  }

  /// The attempts of those deliveries.
  static func attempts(of rows: Rows) throws -> Statement {
    let keys = try rows.decode((UUIDBits, EventID, EndpointID, String, Timestamp?, Int32).self)
    return """
      select a.endpoint_id, a.event_id, a.number, a.at, a.http_status, a.duration_ms, a.error
      from unnest(\(keys.map(\.2)), \(keys.map(\.1)), \(keys.map(\.5)))
        k(endpoint_id, event_id, attempts)
      join delivery_attempt a on a.endpoint_id = k.endpoint_id and a.event_id = k.event_id
        and a.number > k.attempts - \(attemptsMax)
      order by a.endpoint_id, a.event_id, a.number
      """
  }

  static func wire(_ rows: Rows, _ attempts: Rows) throws -> [WebhooksV1.Delivery] {
    struct Key: Hashable {
      var endpoint: EndpointID
      var event: EventID
    }
    var made: [Key: [WebhooksV1.DeliveryAttempt]] = [:]
    for row in attempts {
      let (endpoint, event, number, at, status, duration, error) = try row.decode(
        (EndpointID, EventID, Int32, Timestamp, Int32, Int32, String).self)
      made[Key(endpoint: endpoint, event: event), default: []].append(
        WebhooksV1.DeliveryAttempt(
          number: UInt32(clamping: number), at: at.wire, httpStatus: UInt32(clamping: status),
          durationMilliseconds: UInt32(clamping: duration), error: error))
    }
    return try rows.map { row in
      let (id, event, endpoint, text, next, _) = try row.decode(
        (DeliveryID, EventID, EndpointID, String, Timestamp?, Int32).self)
      guard let state = DeliveryState(rawValue: text) else { throw RPCFailure.internalError }
      return WebhooksV1.Delivery(
        id: id.description, eventID: event.description, endpointID: endpoint.description,
        state: state.wire, attempts: made[Key(endpoint: endpoint, event: event)] ?? [],
        nextAttemptAt: next?.wire)
    }
  }
}

extension DeliveryState {
  fileprivate var wire: WebhooksV1.DeliveryState {
    switch self {
    case .pending: .pending
    case .succeeded: .succeeded
    case .undeliverable: .undeliverable
    }
  }
}
