import GRPCCore
import Money
import Outbox
import Postgres
import Reactor
import ServiceKit
import Wire

/// Carries outbox rows to the ledger, to webhooks and to billing, in batches, until each is
/// acknowledged.
final class IntentRelays: Sendable {
  /// Rows of one batch.
  static let batchMax = 200

  private let relays: [ServiceRelay]

  init(_ environment: ServiceEnvironment) {
    let peers = environment.peers
    var limits = OutboxRelay.Limits()
    limits.batchMax = Self.batchMax
    relays = [
      ServiceRelay(
        IntentWriter.ledger, environment, limits: limits,
        outcomes: { rows in
          do {
            return try await Self.post(rows, peers)
          } catch {
            return ServiceRelay.retry(rows, after: error, IntentWriter.ledger, environment.logger)
          }
        }),
      ServiceRelay(IntentWriter.webhooks, environment, limits: limits) { rows in
        try await Self.publish(rows, peers)
      },
      ServiceRelay(IntentWriter.billing, environment, limits: limits) { rows in
        try await Self.tellBilling(rows, peers)
      },
    ]
  }

  func start() { for relay in relays { relay.start() } }

  func wake() { for relay in relays { relay.wake() } }

  func shutdown() async { for relay in relays { await relay.shutdown() } }

  func queues() async throws -> [QueueReport] {
    var reports: [QueueReport] = []
    for relay in relays { reports.append(try await relay.report()) }
    return reports
  }

  /// A fact is never refused for a business reason: a refused posting is a fault of ours. It stays,
  /// is tried on and raises an alert by its tries, while the others are booked.
  private static func post(
    _ rows: [OutboxRow], _ peers: PeerClients
  ) async throws -> [OutboxOutcome] {
    let commands = try rows.map { try LedgerV1.PostingCommand(decoding: $0.payload, strict: false) }
    let client = LedgerV1.Ledger.Client(wrapping: try peers.client(.ledger))
    let response = try await client.post(
      LedgerV1.PostRequest(commands: commands), metadata: OutgoingCall.metadata(key: key(rows)))
    return response.results.map { result in
      switch result.status {
      case .created, .exists: .delivered
      // Booked by a ledger of the release before, which kept no metadata: it stays as it is.
      case .existsWithDifference where result.difference == "metadata": .delivered
      case .rejected, .existsWithDifference, .unspecified, .unrecognized:
        .retry("the ledger refused it: \(result.reason)\(result.difference)")
      }
    }
  }

  private static func publish(_ rows: [OutboxRow], _ peers: PeerClients) async throws {
    let events = try rows.map { try WebhooksV1.EventToPublish(decoding: $0.payload, strict: false) }
    let client = WebhooksV1.EventPublisher.Client(wrapping: try peers.client(.webhooks))
    _ = try await client.publish(
      WebhooksV1.PublishRequest(events: events), metadata: OutgoingCall.metadata(key: key(rows)))
  }

  private static func tellBilling(_ rows: [OutboxRow], _ peers: PeerClients) async throws {
    let events = try rows.map { try BillingV1.PaymentEvent(decoding: $0.payload, strict: false) }
    let client = BillingV1.PaymentEvents.Client(wrapping: try peers.client(.billing))
    _ = try await client.applyPaymentEvents(
      BillingV1.ApplyPaymentEventsRequest(events: events),
      metadata: OutgoingCall.metadata(key: key(rows)))
  }

  /// Derived from what the batch is about; the ids inside deduplicate.
  private static func key(_ rows: [OutboxRow]) -> String {
    guard let first = rows.first, let last = rows.last else { return "empty" }
    return "outbox/\(EventID(bits: first.id.bits))/\(EventID(bits: last.id.bits))"
  }
}
