import Money
import Postgres
import ServiceKit
import WebhooksCore

/// An event that was checked, without its number and body.
struct CheckedEvent: Sendable {
  var id: EventID
  var merchant: MerchantID
  var type: String
  var objectID: String
  var objectVersion: Int64
  var createdAt: Timestamp
  var objectJSON: String
}

/// Takes a batch of events in: one transaction numbers them, writes them, and writes one delivery
/// for each enabled endpoint that wants them.
///
/// Numbers come from the merchant's row in `stream`, locked until the commit: whoever sees an event
/// sees all with lower numbers.
struct EventWriter: Sendable {
  struct Outcome: Sendable {
    var accepted = 0
    var endpoints: Set<EndpointID> = []
  }

  let database: PostgresClient
  let identifiers: IdentifierSource

  func write(_ events: [CheckedEvent], _ call: CallContext) async throws -> Outcome {
    // In one order everywhere, so that two batches never wait for each other.
    let merchants = Set(events.map(\.merchant)).sorted()
    return try await database.transaction { transaction in
      let rows = try await transaction.batch([
        Self.lockStreams(merchants), Self.existing(events, merchants), Self.endpoints(merchants),
      ])
      var last = Dictionary(
        uniqueKeysWithValues: try rows[0].decode((MerchantID, Int64).self).map { ($0, $1) })
      var known = Set(try rows[1].column(as: EventID.self))
      var endpoints: [MerchantID: [(EndpointID, [String])]] = [:]
      for (merchant, id, types) in try rows[2].decode((MerchantID, EndpointID, [String]).self) {
        endpoints[merchant, default: []].append((id, types))
      }
      let fresh = events.filter { known.insert($0.id).inserted }
      guard !fresh.isEmpty else { return Outcome() }
      var batch = Batch()
      for event in fresh {
        let sequence = (last[event.merchant] ?? 0) + 1
        last[event.merchant] = sequence
        batch.add(event, sequence)
        for (endpoint, filters) in endpoints[event.merchant] ?? []
        where EventFilter.wants(filters, event.type) {
          batch.deliver(event, to: endpoint, id: identifiers.make(DeliveryID.self))
        }
      }
      var statements = [batch.insertEvents(call), Self.advance(last)]
      if !batch.deliveryIDs.isEmpty {
        statements.append(batch.insertDeliveries(call))
      }
      _ = try await transaction.commit(with: statements)
      return Outcome(accepted: fresh.count, endpoints: Set(batch.deliveryEndpoints))
    }
  }

  private static func lockStreams(_ merchants: [MerchantID]) -> Statement {
    """
    insert into stream as s (merchant_id, last_sequence)
    select m, 0 from unnest(\(merchants)) m order by m
    on conflict (merchant_id) do update set last_sequence = s.last_sequence
    returning merchant_id, last_sequence
    """
  }

  private static func existing(_ events: [CheckedEvent], _ merchants: [MerchantID]) -> Statement {
    """
    select id from event where merchant_id = any(\(merchants)) and id = any(\(events.map(\.id)))
    """
  }

  private static func endpoints(_ merchants: [MerchantID]) -> Statement {
    """
    select merchant_id, id, event_types from endpoint
    where merchant_id = any(\(merchants)) and state = 'enabled'
    """
  }

  private static func advance(_ last: [MerchantID: Int64]) -> Statement {
    """
    update stream s set last_sequence = u.last
    from unnest(\(Array(last.keys)), \(Array(last.values))) u(merchant_id, last)
    where s.merchant_id = u.merchant_id and s.last_sequence <> u.last
    """
  }
}

/// The columns of what is inserted.
private struct Batch {
  private var events: [CheckedEvent] = []
  private var sequences: [Int64] = []
  private var bodies: [[UInt8]] = []
  private var deliveryEvents: [CheckedEvent] = []
  private(set) var deliveryEndpoints: [EndpointID] = []
  private(set) var deliveryIDs: [DeliveryID] = []

  mutating func add(_ event: CheckedEvent, _ sequence: Int64) {
    events.append(event)
    sequences.append(sequence)
    bodies.append(
      EventBody.bytes(
        type: event.type, id: event.id, createdAt: event.createdAt, sequence: sequence,
        livemode: event.merchant.isLive, objectJSON: event.objectJSON))
  }

  mutating func deliver(_ event: CheckedEvent, to endpoint: EndpointID, id: DeliveryID) {
    deliveryEvents.append(event)
    deliveryEndpoints.append(endpoint)
    deliveryIDs.append(id)
  }

  func insertEvents(_ call: CallContext) -> Statement {
    """
    insert into event (merchant_id, id, livemode, sequence, type, object_id, object_version,
      created_at, body, actor, trace_id)
    select *, \(call.actor), \(call.trace.traceIDBytes) from unnest(
      \(events.map(\.merchant)), \(events.map(\.id)), \(events.map(\.merchant.isLive)),
      \(sequences), \(events.map(\.type)), \(events.map(\.objectID)),
      \(events.map(\.objectVersion)), \(events.map(\.createdAt)), \(bodies))
    """
  }

  func insertDeliveries(_ call: CallContext) -> Statement {
    """
    insert into delivery (merchant_id, endpoint_id, event_id, id, state, next_attempt_at, actor,
      trace_id)
    select *, 'pending', now(), \(call.actor), \(call.trace.traceIDBytes) from unnest(
      \(deliveryEvents.map(\.merchant)), \(deliveryEndpoints), \(deliveryEvents.map(\.id)),
      \(deliveryIDs))
    """
  }
}
