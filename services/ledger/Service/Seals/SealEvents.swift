import LedgerCore
import Money
import Outbox
import Postgres
import Seal
import ServiceKit
import Wire

/// What merchants (`merchantsMax` of them) are told of a seal: its root, so that it is known in many places that nobody can
/// change together.
enum SealEvents {
  static let webhooks = "webhooks"
  static let type = "ledger.day_sealed"
  /// Merchants that hear of one seal.
  static let merchantsMax: Int64 = 10_000

  static func statement(
    _ seal: DaySeal,
    to merchants: [MerchantID],
    _ environment: ServiceEnvironment
  ) -> Statement {
    let (stamp, now) = (environment.stamp, environment.clock.now)
    return OutboxWriter.insert(
      merchants.map { merchant in
        let event = environment.identifiers.make(EventID.self)
        let payload = WebhooksV1.EventToPublish(
          id: event.description,
          merchantID: merchant.description,
          type: type,
          objectID: "day_seal_\(seal.day)",
          objectVersion: 1,
          createdAt: now.wire,
          objectJson: json(seal, merchant)
        )
        return OutboxMessage(
          destination: webhooks,
          distributionKey: merchant.bits,
          id: event.bits,
          merchant: merchant,
          payload: payload.encode(),
          actor: stamp.actor,
          traceID: stamp.traceID
        )
      }
    )
  }

  /// Nothing of other merchants' money.
  static func json(_ seal: DaySeal, _ merchant: MerchantID) -> String {
    JSONValue.object([
      ("id", .string("day_seal_\(seal.day)")),
      ("object", .string("day_seal")),
      ("livemode", .boolean(merchant.isLive)),
      ("day", .string(seal.day.description)),
      ("number", .integer(seal.number)),
      ("root", .string(Hex.encode(seal.root))),
      ("previous_root", .string(Hex.encode(seal.previousRoot))),
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
          key: "outbox/\(EventID(bits: first.id.bits))/\(rows.count)"
        )
      )
    }
  }
}
