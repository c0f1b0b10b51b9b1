import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// Carries events to webhooks until they are acknowledged.
enum WebhookRelay {
  static func make(_ environment: ServiceEnvironment) -> ServiceRelay {
    let peers = environment.peers
    return ServiceRelay(BillingWriter.webhooks, environment) { rows in
      let events = try rows.map {
        try WebhooksV1.EventToPublish(decoding: $0.payload, strict: false)
      }
      let client = WebhooksV1.EventPublisher.Client(wrapping: try peers.client(.webhooks))
      _ = try await client.publish(
        WebhooksV1.PublishRequest(events: events), metadata: OutgoingCall.metadata(key: key(rows)))
    }
  }

  /// Derived from what the batch is about; the events' ids deduplicate.
  private static func key(_ rows: [OutboxRow]) -> String {
    guard let first = rows.first, let last = rows.last else { return "empty" }
    return "outbox/\(EventID(bits: first.id.bits))/\(EventID(bits: last.id.bits))"
  }
}
