import GRPCCore
import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// What merchants are told of their setup intents by webhooks: an outbox row in the transaction of
/// the change.
enum SetupEvents {
  /// The outbox's destination.
  static let webhooks = "webhooks"

  static func statement(
    _ type: String, _ record: SetupRecord, id: EventID, at now: Timestamp, _ stamp: Stamp
  ) -> Statement {
    let payload = WebhooksV1.EventToPublish(
      id: id.description,
      merchantID: record.merchant.description,
      type: type,
      objectID: record.setup.id.description,
      objectVersion: UInt64(max(0, record.version)),
      createdAt: now.wire,
      objectJson: json(record)
    )
    return OutboxWriter.insert(
      OutboxMessage(
        destination: webhooks,
        // As of the row and of the claim.
        distributionKey: record.merchant.bits,
        id: id.bits,
        merchant: record.merchant,
        payload: payload.encode(),
        actor: stamp.actor,
        traceID: stamp.traceID
      )
    )
  }

  /// The public shape: `data.object` of its webhook events.
  static func json(_ record: SetupRecord) -> String {
    let failure = record.setup.failure.map { failure in
      JSONValue.object([
        ("code", .string(failure.code)),
        ("gateway_code", .optional(failure.gatewayCode.isEmpty ? nil : failure.gatewayCode)),
      ])
    }
    return JSONValue.object([
      ("id", .string(record.setup.id.description)),
      ("object", .string("setup_intent")),
      ("merchant_id", .string(record.merchant.description)),
      ("livemode", .boolean(record.merchant.isLive)),
      ("payment_method_id", .string(record.paymentMethod.description)),
      ("currency", .string(record.currency.code)),
      ("status", .string(record.setup.state.publicName)),
      ("failure", failure ?? .null),
      ("gateway", .optional(record.account?.gateway.rawValue)),
      ("gateway_reference", .optional(record.setup.reference)),
      ("version", .integer(record.version)),
      ("created_at", .string(record.createdAt.description)),
      ("updated_at", .string(record.updatedAt.description)),
    ]).text
  }

  /// Carries the rows to webhooks until they are acknowledged.
  static func relay(_ environment: ServiceEnvironment) -> ServiceRelay {
    let peers = environment.peers
    return ServiceRelay(webhooks, environment) { rows in
      let events = try rows.map {
        try WebhooksV1.EventToPublish(decoding: $0.payload, strict: false)
      }
      guard let first = rows.first else { return }
      let client = WebhooksV1.EventPublisher.Client(wrapping: try peers.client(.webhooks))
      // The events' ids deduplicate.
      _ = try await client.publish(
        WebhooksV1.PublishRequest(events: events),
        metadata: OutgoingCall.metadata(
          key: "outbox/\(EventID(bits: first.id.bits))/\(rows.count)"))
    }
  }
}

extension SetupIntent.State {
  fileprivate var publicName: String {
    switch self {
    case .processing: "processing"
    case .succeeded: "succeeded"
    case .failed: "failed"
    case .canceled: "canceled"
    }
  }
}
