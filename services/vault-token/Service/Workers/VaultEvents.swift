import GRPCCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// What merchants are told by webhooks: an outbox row in the transaction of the change.
struct VaultEvents: Sendable {
  static let webhooks = "webhooks"

  /// The versions of a payment method's life.
  enum Change: UInt64, Sendable {
    case created = 1
    case deleted = 2

    var type: String { self == .created ? "payment_method.created" : "payment_method.deleted" }
  }

  let identifiers: IdentifierSource
  let clock: any WallClock

  func statement(
    _ change: Change,
    _ id: PaymentMethodID,
    _ method: VaultV1.PaymentMethod,
    _ call: CallContext
  ) throws(RPCFailure) -> Statement {
    let merchant = try call.requireMerchant()
    let event = identifiers.make(EventID.self)
    let payload = WebhooksV1.EventToPublish(
      id: event.description,
      merchantID: merchant.description,
      type: change.type,
      objectID: id.description,
      objectVersion: change.rawValue,
      createdAt: GoogleProtobuf.Timestamp(clock.now),
      objectJson: Self.json(method, merchant)
    )
    return OutboxWriter.insert(
      OutboxMessage(
        destination: Self.webhooks,
        distributionKey: id.bits,
        id: event.bits,
        merchant: merchant,
        payload: payload.encode(),
        actor: call.actor,
        traceID: call.trace.traceIDBytes
      )
    )
  }

  /// The public shape: what `DescribePaymentMethod` answers.
  static func json(_ method: VaultV1.PaymentMethod, _ merchant: MerchantID) -> String {
    let card = method.card ?? VaultV1.CardSummary()
    return JSONValue.object([
      ("id", .string(method.id)),
      ("object", .string("payment_method")),
      ("merchant_id", .string(method.merchantID)),
      ("livemode", .boolean(merchant.isLive)),
      ("type", .string(method.type == .sepaDebit ? "sepa_debit" : "card")),
      (
        "card",
        .object([
          ("brand", .string(card.brand)), ("last4", .string(card.last4)),
          ("expiry_month", .integer(Int64(card.expiryMonth))),
          ("expiry_year", .integer(Int64(card.expiryYear))), ("country", .string(card.country)),
        ])
      ),
      ("gateways", .array(method.gateways.map { .string($0) })),
      ("customer_id", .optional(method.customerID.isEmpty ? nil : method.customerID)),
      ("alias", .optional(method.alias.isEmpty ? nil : method.alias)),
      ("fingerprint", .optional(method.fingerprint.isEmpty ? nil : method.fingerprint)),
      ("created_at", .optional(method.createdAt.map { $0.timestamp.description })),
      ("deleted_at", .optional(method.deletedAt.map { $0.timestamp.description })),
    ]).text
  }

  /// Carries the rows to webhooks until they are acknowledged.
  static func relay(_ environment: ServiceEnvironment) -> ServiceRelay {
    let peers = environment.peers
    return ServiceRelay(webhooks, environment) { try await publish($0, peers) }
  }

  private static func publish(_ rows: [OutboxRow], _ peers: PeerClients) async throws {
    let events = try rows.map { try WebhooksV1.EventToPublish(decoding: $0.payload, strict: false) }
    let client = WebhooksV1.EventPublisher.Client(wrapping: try peers.client(.webhooks))
    _ = try await client.publish(
      WebhooksV1.PublishRequest(events: events),
      metadata: OutgoingCall.metadata(key: key(rows))
    )
  }

  /// Derived from what the batch is about; the events' ids deduplicate.
  private static func key(_ rows: [OutboxRow]) -> String {
    guard let first = rows.first, let last = rows.last else { return "empty" }
    return "outbox/\(EventID(bits: first.id.bits))/\(EventID(bits: last.id.bits))"
  }
}
