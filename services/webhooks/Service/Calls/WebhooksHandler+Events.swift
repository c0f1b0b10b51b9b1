package import GRPCCore
import Money
import Postgres
import ServiceKit
package import Wire
import WebhooksCore

extension WebhooksHandler {
  static let pageSizeDefault: UInt32 = 100
  static let pageSizeMax: UInt32 = 500
  /// Bodies of one page; the answer's limit is 4 MiB.
  static let pageBytesMax: Int64 = 3_500_000

  package func listEvents(
    request: WebhooksV1.ListEventsRequest, context: ServerContext
  ) async throws -> WebhooksV1.ListEventsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let after = Int64(clamping: request.afterSequence)
    let size = request.pageSize == 0 ? Self.pageSizeDefault : request.pageSize
    let limit = Int64(min(size, Self.pageSizeMax))
    let objectID: String? = request.objectID.isEmpty ? nil : request.objectID
    let object: Statement = objectID.map { Self.objectEvents(merchant, after, $0, limit) }
      ?? Self.allEvents(merchant, after, limit)
    let rows = try await environment.database.query(object)
    let events = try rows.map { try Self.event($0, merchant) }
    return WebhooksV1.ListEventsResponse(
      events: events, lastSequence: events.last?.sequence ?? request.afterSequence)
  }

  private static let eventColumns =
    "id, type, object_id, object_version, created_at, livemode, body, sequence"

  private static func allEvents(
    _ merchant: MerchantID, _ after: Int64, _ limit: Int64
  ) -> Statement {
    """
    select \(raw: eventColumns) from (
      select *, sum(octet_length(body)) over (order by sequence) as total from (
        select * from event where merchant_id = \(merchant) and sequence > \(after)
        order by sequence limit \(limit)) page) sized
    where total <= \(pageBytesMax) order by sequence
    """
  }

  private static func objectEvents(
    _ merchant: MerchantID, _ after: Int64, _ objectID: String, _ limit: Int64
  ) -> Statement {
    """
    select \(raw: eventColumns) from (
      select *, sum(octet_length(body)) over (order by sequence) as total from (
        select * from event
        where merchant_id = \(merchant) and object_id = \(objectID) and sequence > \(after)
        order by sequence limit \(limit)) page) sized
    where total <= \(pageBytesMax) order by sequence
    """
  }

  private static func event(_ row: Row, _ merchant: MerchantID) throws -> WebhooksV1.Event {
    let (id, type, objectID, version, createdAt, livemode, body, sequence) = try row.decode(
      (EventID, String, String, Int64, Timestamp, Bool, [UInt8], Int64).self)
    return WebhooksV1.Event(
      id: id.description, merchantID: merchant.description, type: type, objectID: objectID,
      objectVersion: UInt64(clamping: version), createdAt: createdAt.wire, livemode: livemode,
      body: body, sequence: UInt64(clamping: sequence))
  }

  package func listDeliveries(
    request: WebhooksV1.ListDeliveriesRequest, context: ServerContext
  ) async throws -> WebhooksV1.ListDeliveriesResponse {
    let merchant = try CallContext.require().requireMerchant()
    guard request.eventID.isEmpty != request.objectID.isEmpty else {
      throw RPCFailure.invalid(
        "event_id", "ONE_REQUIRED", "Give either an event's id or an object's.")
    }
    let statement: Statement
    if request.objectID.isEmpty {
      guard let id = EventID(request.eventID) else {
        throw RPCFailure.invalid("event_id", "ID_INVALID", "The id is not an `evt_` id.")
      }
      statement = DeliveryLog.ofEvent(id, merchant)
    } else {
      statement = DeliveryLog.ofObject(request.objectID, merchant)
    }
    let rows = try await environment.database.query(statement)
    guard !rows.isEmpty else { return WebhooksV1.ListDeliveriesResponse() }
    let attempts = try await environment.database.query(DeliveryLog.attempts(of: rows))
    return WebhooksV1.ListDeliveriesResponse(deliveries: try DeliveryLog.wire(rows, attempts))
  }

  package func retryDelivery(
    request: WebhooksV1.RetryDeliveryRequest, context: ServerContext
  ) async throws -> WebhooksV1.RetryDeliveryResponse {
    guard let id = DeliveryID(request.deliveryID) else {
      throw RPCFailure.invalid("delivery_id", "ID_INVALID", "The id is not a `del_` id.")
    }
    let response = try await environment.idempotency.perform(request) { [self] tx, call in
      WebhooksV1.RetryDeliveryResponse(delivery: try await retry(id, call, in: tx))
    }
    if let endpoint = response.delivery.flatMap({ EndpointID($0.endpointID) }) {
      wakeDeliveries([endpoint])
    }
    return response
  }

  private func retry(
    _ id: DeliveryID, _ call: CallContext, in tx: borrowing Transaction
  ) async throws -> WebhooksV1.Delivery {
    let merchant = try call.requireMerchant()
    let found = try await tx.query(
      """
      select d.endpoint_id, d.event_id, d.state, d.tries, e.state from delivery d
      join endpoint e on e.id = d.endpoint_id
      where d.merchant_id = \(merchant) and d.id = \(id) for update of d
      """)
    guard let row = found.first else {
      throw RPCFailure.notFound("DELIVERY_NOT_FOUND", "No delivery of this merchant has this id.")
    }
    let (endpoint, event, stateText, tries, endpointState) = try row.decode(
      (EndpointID, EventID, String, Int32, String).self)
    guard endpointState == EndpointState.enabled.rawValue else {
      throw RPCFailure.failedPrecondition(
        "ENDPOINT_NOT_ENABLED", "The endpoint is not enabled. Verify it first.")
    }
    guard let state = DeliveryState(rawValue: stateText),
      let change = DeliveryMachine(schedule: settings.schedule).apply(
        .retryRequested, state: state, tries: Int(tries), random: 0)
    else { throw RPCFailure.internalError }
    let rows = try await tx.batch([
      """
      update delivery set state = \(change.state.rawValue), tries = \(Int32(change.tries)),
        next_attempt_at = now(), lease_until = null, fence = fence + 1,
        actor = \(call.actor), trace_id = \(call.trace.traceIDBytes)
      where endpoint_id = \(endpoint) and event_id = \(event)
      """, DeliveryLog.byID(id, merchant),
    ])
    let attempts = try await tx.query(DeliveryLog.attempts(of: rows[1]))
    guard let delivery = try DeliveryLog.wire(rows[1], attempts).first else {
      throw RPCFailure.internalError
    }
    return delivery
  }
}
