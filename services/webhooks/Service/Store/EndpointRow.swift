import Money
import Postgres
import ServiceKit
import WebhooksCore
import Wire

/// A row of `endpoint`.
struct EndpointRow: Sendable {
  var id: EndpointID
  var merchant: MerchantID
  var url: String
  var state: EndpointState
  var reason: String
  var eventTypes: [String]
  var createdAt: Timestamp
  var verifiedAt: Timestamp?

  static let columns =
    "id, merchant_id, url, state, state_reason, event_types, created_at, verified_at"

  init(
    id: EndpointID, merchant: MerchantID, url: String, eventTypes: [String], createdAt: Timestamp
  ) {
    self.id = id
    self.merchant = merchant
    self.url = url
    self.eventTypes = eventTypes
    self.createdAt = createdAt
    state = .pending
    reason = "The challenge has not been answered yet."
  }

  init(_ row: Row) throws {
    let text: String
    (id, merchant, url, text, reason, eventTypes, createdAt, verifiedAt) = try row.decode(
      (EndpointID, MerchantID, String, String, String, [String], Timestamp, Timestamp?).self)
    guard let state = EndpointState(rawValue: text) else { throw RPCFailure.internalError }
    self.state = state
  }

  var wire: WebhooksV1.Endpoint {
    WebhooksV1.Endpoint(
      id: id.description, merchantID: merchant.description, url: url, state: state.wire,
      eventTypes: eventTypes, stateReason: reason, createdAt: createdAt.wire,
      verifiedAt: verifiedAt?.wire)
  }
}

extension EndpointState {
  fileprivate var wire: WebhooksV1.EndpointState {
    switch self {
    case .pending: .pending
    case .enabled: .enabled
    case .disabled: .disabled
    }
  }
}

/// Statements over `endpoint` and `endpoint_secret`.
enum EndpointStatements {
  static func insert(_ endpoint: EndpointRow, _ call: CallContext) -> Statement {
    """
    insert into endpoint (merchant_id, id, livemode, url, state, state_reason, event_types,
      created_at, challenge_due_at, actor, trace_id)
    values (\(endpoint.merchant), \(endpoint.id), \(endpoint.merchant.isLive), \(endpoint.url),
      \(endpoint.state.rawValue), \(endpoint.reason), \(endpoint.eventTypes),
      \(endpoint.createdAt), now(), \(call.actor), \(call.trace.traceIDBytes))
    """
  }

  static func insertSecret(
    _ sealed: SealingKeys.Sealed, at place: SealingKeys.Place, now: Timestamp, _ call: CallContext
  ) -> Statement {
    """
    insert into endpoint_secret (merchant_id, endpoint_id, id, key_id, sealed, created_at, actor,
      trace_id)
    values (\(place.merchant), \(place.endpoint), \(UUIDBits(place.secret)), \(sealed.keyID),
      \(sealed.bytes), \(now), \(call.actor), \(call.trace.traceIDBytes))
    """
  }

  static func secret(at place: SealingKeys.Place) -> Statement {
    """
    select key_id, sealed from endpoint_secret
    where merchant_id = \(place.merchant) and endpoint_id = \(place.endpoint)
      and id = \(UUIDBits(place.secret))
    """
  }

  /// Locks the merchant's stream, so that its endpoints are counted by one at a time.
  static func lockStream(_ merchant: MerchantID) -> Statement {
    """
    insert into stream as s (merchant_id, last_sequence) values (\(merchant), 0)
    on conflict (merchant_id) do update set last_sequence = s.last_sequence
    """
  }

  static func countActive(_ merchant: MerchantID) -> Statement {
    "select count(*) from endpoint where merchant_id = \(merchant) and state <> 'disabled'"
  }

  static func lock(_ id: EndpointID, of merchant: MerchantID) -> Statement {
    """
    select \(raw: EndpointRow.columns) from endpoint
    where merchant_id = \(merchant) and id = \(id) for update
    """
  }

  static func list(of merchant: MerchantID) -> Statement {
    """
    select \(raw: EndpointRow.columns) from endpoint
    where merchant_id = \(merchant) order by id desc limit 200
    """
  }

  /// Writes a change of state; a round of challenges begins when one is due at once.
  static func change(
    _ id: EndpointID, of merchant: MerchantID, to change: EndpointChange, reason: String,
    _ call: CallContext
  ) -> Statement {
    """
    update endpoint set state = \(change.state.rawValue), state_reason = \(reason),
      challenge_due_at = now() + \(change.challengePauseMilliseconds)::bigint * interval '1 ms',
      challenge_tries = 0, challenge_lease_until = null, fence = fence + 1, actor = \(call.actor),
      trace_id = \(call.trace.traceIDBytes)
    where merchant_id = \(merchant) and id = \(id)
    """
  }

  /// What waits for disabled endpoints is listed as undeliverable.
  static func endDeliveries(of ids: [EndpointID], actor: String) -> Statement {
    """
    update delivery set state = 'undeliverable', next_attempt_at = null, lease_until = null,
      fence = fence + 1, actor = \(actor)
    where endpoint_id = any(\(ids)) and state = 'pending'
    """
  }

  /// The endpoint answered 410.
  static func disableGone(_ ids: [EndpointID], actor: String) -> Statement {
    """
    update endpoint set state = 'disabled', state_reason = 'It answered 410 Gone.',
      challenge_due_at = null, challenge_lease_until = null, fence = fence + 1, actor = \(actor)
    where id = any(\(ids)) and state <> 'disabled'
    """
  }
}
