package import GRPCCore
import Money
import ServiceKit
package import Wire
import WebhooksCore

/// tender.webhooks.v1.EventPublisher.
package struct PublisherHandler: WebhooksV1.EventPublisher.SimpleServiceProtocol {
  static let objectBytesMax = 20_000

  let writer: EventWriter
  /// Told which endpoints have something to get.
  let wake: @Sendable (Set<EndpointID>) -> Void

  package func publish(
    request: WebhooksV1.PublishRequest, context: ServerContext
  ) async throws -> WebhooksV1.PublishResponse {
    let call = try CallContext.require()
    var events: [CheckedEvent] = []
    events.reserveCapacity(request.events.count)
    for (index, event) in request.events.enumerated() {
      events.append(try Self.checked(event, "events[\(index)]"))
    }
    let outcome = try await writer.write(events, call)
    wake(outcome.endpoints)
    return WebhooksV1.PublishResponse(
      accepted: UInt32(outcome.accepted), duplicates: UInt32(events.count - outcome.accepted))
  }

  private static func checked(
    _ event: WebhooksV1.EventToPublish, _ path: String
  ) throws(RPCFailure) -> CheckedEvent {
    guard let id = EventID(event.id) else {
      throw .invalid("\(path).id", "ID_INVALID", "The id is not an `evt_` id.")
    }
    guard let merchant = MerchantID(event.merchantID) else {
      throw .invalid("\(path).merchant_id", "ID_INVALID", "The id is not a merchant's.")
    }
    guard EventType.isValid(event.type) else {
      throw .invalid(
        "\(path).type", "EVENT_TYPE_INVALID", "A type is words of a-z, 0-9 and _ joined by dots.")
    }
    guard let createdAt = event.createdAt else {
      throw .invalid("\(path).created_at", "FIELD_REQUIRED", "The time of the event is missing.")
    }
    guard let version = Int64(exactly: event.objectVersion) else {
      throw .invalid("\(path).object_version", "OUT_OF_RANGE", "The version is too large.")
    }
    guard event.objectJson.utf8.count <= objectBytesMax, JSONCheck.isObject(event.objectJson) else {
      throw .invalid(
        "\(path).object_json", "JSON_INVALID",
        "The object is not one JSON object of at most \(objectBytesMax) bytes.")
    }
    return CheckedEvent(
      id: id, merchant: merchant, type: event.type, objectID: event.objectID,
      objectVersion: version, createdAt: createdAt.timestamp, objectJSON: event.objectJson)
  }
}
