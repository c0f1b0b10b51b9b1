package import GRPCCore
import Logging
import Money
import Outbound
import Postgres
import Reactor
import Seal
import ServiceKit
package import Wire
import WebhooksCore

/// tender.webhooks.v1.Webhooks: endpoints. Events and deliveries are in the extension beside it.
package struct WebhooksHandler: WebhooksV1.Webhooks.SimpleServiceProtocol {
  static let resolveLimit = Duration.seconds(2)
  static let overlapHoursDefault: UInt32 = 24

  let environment: ServiceEnvironment
  let settings: WebhookSettings
  let keys: SealingKeys
  let resolver: Resolver
  /// A challenge is due.
  let wakeChallenges: @Sendable () -> Void
  /// Deliveries of these endpoints are due.
  let wakeDeliveries: @Sendable (Set<EndpointID>) -> Void

  package func createEndpoint(
    request: WebhooksV1.CreateEndpointRequest, context: ServerContext
  ) async throws -> WebhooksV1.CreateEndpointResponse {
    let merchant = try CallContext.require().requireMerchant()
    let url = try await checkedURL(request.url, isLive: merchant.isLive)
    let types = try Self.checkedFilters(request.eventTypes)
    let secretID = makeSecretID()
    let response = try await environment.idempotency.perform(
      request, subject: secretID,
      completing: { (stored: WebhooksV1.CreateEndpointResponse, secretID) in
        var shown = stored
        let endpoint = try Self.endpointID(stored.endpoint?.id ?? "")
        shown.secret = try await secret(secretID, of: endpoint, merchant)
        return shown
      }
    ) { [self] tx, call in
      let rows = try await tx.batch([
        EndpointStatements.lockStream(merchant), EndpointStatements.countActive(merchant),
      ])
      guard try rows[1].single()[0, as: Int64.self] < WebhookSettings.endpointsMax else {
        throw RPCFailure(
          .resourceExhausted, "TOO_MANY_ENDPOINTS",
          "A merchant has at most \(WebhookSettings.endpointsMax) endpoints. Disable one first.")
      }
      let endpoint = EndpointRow(
        id: environment.identifiers.make(EndpointID.self), merchant: merchant, url: url.text,
        eventTypes: types, createdAt: environment.clock.now)
      let sealed = try freshSecret(secretID, for: endpoint.id, merchant, call)
      _ = try await tx.batch([EndpointStatements.insert(endpoint, call), sealed])
      return WebhooksV1.CreateEndpointResponse(endpoint: endpoint.wire)
    }
    wakeChallenges()
    return response
  }

  package func verifyEndpoint(
    request: WebhooksV1.VerifyEndpointRequest, context: ServerContext
  ) async throws -> WebhooksV1.VerifyEndpointResponse {
    let id = try Self.endpointID(request.endpointID)
    let response = try await environment.idempotency.perform(request) { [self] tx, call in
      WebhooksV1.VerifyEndpointResponse(
        endpoint: try await change(
          id, by: .verificationRequested, reason: "The challenge has not been answered yet.", call,
          in: tx))
    }
    wakeChallenges()
    return response
  }

  package func disableEndpoint(
    request: WebhooksV1.DisableEndpointRequest, context: ServerContext
  ) async throws -> WebhooksV1.DisableEndpointResponse {
    let id = try Self.endpointID(request.endpointID)
    return try await environment.idempotency.perform(request) { [self] tx, call in
      let endpoint = try await change(
        id, by: .disableRequested, reason: "It was disabled by request.", call, in: tx)
      _ = try await tx.query(EndpointStatements.endDeliveries(of: [id], actor: call.actor))
      return WebhooksV1.DisableEndpointResponse(endpoint: endpoint)
    }
  }

  package func rotateSecret(
    request: WebhooksV1.RotateSecretRequest, context: ServerContext
  ) async throws -> WebhooksV1.RotateSecretResponse {
    let id = try Self.endpointID(request.endpointID)
    let hours = Int64(request.overlapHours ?? Self.overlapHoursDefault)
    let merchant = try CallContext.require().requireMerchant()
    let secretID = makeSecretID()
    return try await environment.idempotency.perform(
      request, subject: secretID,
      completing: { (stored: WebhooksV1.RotateSecretResponse, secretID) in
        var shown = stored
        shown.secret = try await secret(secretID, of: id, merchant)
        return shown
      }
    ) { [self] tx, call in
      _ = try await locked(id, merchant, in: tx)
      let now = environment.clock.now
      let expires = now + .seconds(hours * 3_600)
      let sealed = try freshSecret(secretID, for: id, merchant, call)
      _ = try await tx.batch([
        """
        update endpoint_secret set expires_at = \(expires), actor = \(call.actor),
          trace_id = \(call.trace.traceIDBytes)
        where endpoint_id = \(id) and expires_at is null
        """, sealed,
        """
        delete from endpoint_secret where endpoint_id = \(id) and expires_at is not null
          and (expires_at <= \(now) or id not in (select id from endpoint_secret
            where endpoint_id = \(id) order by created_at desc, id desc
            limit \(WebhookSettings.secretsMax)))
        """,
      ])
      return WebhooksV1.RotateSecretResponse(oldSecretExpiresAt: expires.wire)
    }
  }

  package func listEndpoints(
    request: WebhooksV1.ListEndpointsRequest, context: ServerContext
  ) async throws -> WebhooksV1.ListEndpointsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(EndpointStatements.list(of: merchant))
    return WebhooksV1.ListEndpointsResponse(endpoints: try rows.map { try EndpointRow($0).wire })
  }
}

extension WebhooksHandler {
  static func endpointID(_ text: String) throws(RPCFailure) -> EndpointID {
    guard let id = EndpointID(text) else {
      throw .invalid("endpoint_id", "ID_INVALID", "The id is not a `we_` id.")
    }
    return id
  }

  private func locked(
    _ id: EndpointID, _ merchant: MerchantID, in tx: borrowing Transaction
  ) async throws -> EndpointRow {
    guard let row = try await tx.query(EndpointStatements.lock(id, of: merchant)).first else {
      throw RPCFailure.notFound("ENDPOINT_NOT_FOUND", "No endpoint of this merchant has this id.")
    }
    return try EndpointRow(row)
  }

  /// The endpoint after the event; unchanged where the event says nothing in its state.
  private func change(
    _ id: EndpointID, by event: EndpointEvent, reason: String, _ call: CallContext,
    in tx: borrowing Transaction
  ) async throws -> WebhooksV1.Endpoint {
    let merchant = try call.requireMerchant()
    var endpoint = try await locked(id, merchant, in: tx)
    guard let change = EndpointMachine.apply(event, state: endpoint.state) else {
      return endpoint.wire
    }
    _ = try await tx.query(
      EndpointStatements.change(
        id, of: merchant, to: change, reason: reason, call))
    endpoint.state = change.state
    endpoint.reason = reason
    return endpoint.wire
  }

  private func makeSecretID() -> UUIDBits {
    UUIDBits(environment.identifiers.make(EventID.self).bits)
  }

  private func freshSecret(
    _ id: UUIDBits, for endpoint: EndpointID, _ merchant: MerchantID, _ call: CallContext
  ) throws -> Statement {
    let place = SealingKeys.Place(merchant: merchant, endpoint: endpoint, secret: id.bits)
    return EndpointStatements.insertSecret(
      try keys.seal(try EndpointSecret.make(), at: place), at: place, now: environment.clock.now, call)
  }

  /// The text of a secret, opened: answers are stored without it, and the first one and its replays
  /// get it here.
  private func secret(
    _ id: UUIDBits, of endpoint: EndpointID, _ merchant: MerchantID
  ) async throws -> String {
    let place = SealingKeys.Place(merchant: merchant, endpoint: endpoint, secret: id.bits)
    let rows = try await environment.database.query(EndpointStatements.secret(at: place))
    guard let row = rows.first else {
      throw RPCFailure.failedPrecondition(
        "SECRET_GONE",
        "This was done, but the secret it made has been rotated away since. RotateSecret makes one.",
        metadata: ["endpoint_id": endpoint.description])
    }
    let (keyID, sealed) = try row.decode((String, [UInt8]).self)
    guard let secret = keys.open(.init(keyID: keyID, bytes: sealed), at: place) else {
      environment.logger.error(
        "a secret does not open: its key is missing from `webhooks.keyFile`",
        metadata: ["endpoint": "\(endpoint)", "key": "\(keyID)"])
      throw RPCFailure.internalError
    }
    return secret.text
  }

  private static func checkedFilters(_ texts: [String]) throws(RPCFailure) -> [String] {
    var filters: [String] = []
    for (index, text) in texts.enumerated() {
      guard let filter = EventFilter(text) else {
        throw .invalid(
          "event_types[\(index)]", "EVENT_TYPE_UNKNOWN",
          "No event has this type. Examples: payment_intent.succeeded, payment_intent.*, *.")
      }
      if !filters.contains(filter.text) { filters.append(filter.text) }
    }
    return filters
  }

  /// What a host resolves to is looked at here for a clear refusal, and again before each connection.
  private func checkedURL(_ text: String, isLive: Bool) async throws(RPCFailure) -> EndpointURL {
    let url: EndpointURL
    do throws(EndpointURLError) {
      url = try EndpointURL(text) { settings.allowsPlain($0, isLive: isLive) }
    } catch {
      let message =
        switch error {
        case .malformed: "The URL must be absolute, without user and fragment."
        case .notHTTPS: "The URL must begin with https://."
        }
      throw .invalid("url", "URL_INVALID", message)
    }
    let policy = settings.policy(isLive: isLive)
    // A name that does not resolve yet is taken: the challenge will tell.
    let addresses = (try? await resolver.resolve(
      url.host, port: url.port, within: Self.resolveLimit)) ?? []
    let isReachable = addresses.contains { address in
      address.ip.map { policy.denial(of: $0) == nil } ?? false
    }
    guard isReachable || addresses.isEmpty else {
      throw .invalid(
        "url", "ADDRESS_NOT_ALLOWED", "The host's address is private, reserved or local.")
    }
    return url
  }
}
