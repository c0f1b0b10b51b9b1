import GRPCCore
import Logging
import Money
import Outbound
import Postgres
import Reactor
import Seal
import ServiceKit
import TestSupport
import Testing
import Transport
import WebhooksCore
import Wire

@testable import WebhooksService

/// The service on a fresh schema, as its own role, called as the interceptor would call it; with
/// pauses of milliseconds instead of seconds.
struct WebhooksHarness: Sendable {
  static let merchant = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0002)
  static let stranger = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0004)
  static let live = MerchantID(bits: 0x0193_0000_0000_0000_0000_0000_0000_0007)
  static let scale = 0.002

  let environment: ServiceEnvironment
  let keys: SealingKeys
  let server: WebhooksServer

  var database: PostgresClient { environment.database }
  var loop: EventLoop { environment.loop }

  static func settings(allowed: [String] = ["127.0.0.0/8"]) -> WebhookSettings {
    var settings = WebhookSettings(
      allowed: allowed.compactMap { Network($0) }, schedule: RetrySchedule(scale: scale))
    settings.pollInterval = .milliseconds(30)
    return settings
  }

  static func with(
    _ settings: WebhookSettings = settings(),
    clock: any WallClock = SystemClock(),
    _ body: @escaping @Sendable (WebhooksHarness) async throws -> Void
  ) async throws {
    let test = try TestDatabase.current
    let certificates = try TestCertificates()
    let files = try certificates.issue(["spiffe://tender/service/webhooks"], name: "webhooks")
    try await withEventLoop { loop in
      _ = try await Migrator(
        test.settings, loop: loop, schema: "webhooks", owner: test.ownerRole,
        migrations: WebhooksService.migrations
      ).migrate()
      try await test.run(
        """
        do $$ begin
          execute format('alter role webhooks_service in database %I
            set search_path = webhooks, pg_temp', current_database());
        end $$
        """)
      let database = PostgresClient(test.serviceSettings, loop: loop)
      try await database.start()
      let reader = try SettingsSource.reader(
        fileText: """
          listen = 127.0.0.1:1
          endpoints.file = none
          tls.certificate = \(files.chain)
          tls.key = \(files.key)
          tls.authority = \(files.authority)
          """, environment: [:])
      let environment = ServiceEnvironment(
        name: .webhooks, loop: loop, workers: try Workers(), database: database,
        settings: try ServiceSettings(config: reader), logger: Logger(label: "test"),
        clock: clock,
        tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
        endpoints: Endpoints(addresses: [:]))
      guard let key = SealingKey(key: try .random(count: 32)) else { throw TestSetupError("key") }
      let keys = SealingKeys(key)
      let harness = WebhooksHarness(
        environment: environment, keys: keys,
        server: try WebhooksServer(environment, settings: settings, keys: keys))
      do {
        try await onLoop(loop) {
          try await harness.server.start()
          try await body(harness)
        }
        await harness.server.shutdown()
        await database.shutdown()
      } catch {
        await harness.server.shutdown()
        await database.shutdown()
        throw error
      }
    }
  }

  /// Another process of the service.
  func another(_ settings: WebhookSettings = settings()) throws -> WebhooksServer {
    try WebhooksServer(environment, settings: settings, keys: keys)
  }

  /// Waits for something that other threads or processes bring about.
  func eventually(
    _ what: Comment, within limit: Duration = .seconds(20),
    _ condition: () async throws -> Bool
  ) async throws {
    let end = MonotonicInstant.now.advanced(by: limit)
    while try await !condition() {
      guard MonotonicInstant.now < end else {
        Issue.record(what)
        throw TestSetupError("it did not come to pass")
      }
      try await loop.sleep(for: .milliseconds(10))
    }
  }

  // MARK: Calls

  func call<R: Sendable>(
    _ method: String, merchant: MerchantID?, key: String? = nil,
    peer: PeerIdentity = .merchant(id: "m", client: "demo"),
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.webhooks.v1.Webhooks/\(method)", peer: peer, merchant: merchant,
      trace: .random(), key: try key.map { try IdempotencyKey($0) })
    return try await CallContext.$current.withValue(context) {
      try await withServerContextRPCCancellationHandle { handle in
        try await body(
          ServerContext(
            descriptor: MethodDescriptor(fullyQualifiedService: "test", method: method),
            remotePeer: "in-process:test", localPeer: "in-process:test", cancellation: handle))
      }
    }
  }

  func failure<R>(_ body: () async throws -> R) async -> RPCFailure? {
    do {
      _ = try await body()
      return nil
    } catch {
      return error as? RPCFailure
    }
  }

  func create(
    _ url: String, key: String = "create", types: [String] = [], merchant: MerchantID = merchant,
    at other: WebhooksServer? = nil
  ) async throws -> WebhooksV1.CreateEndpointResponse {
    try await call("CreateEndpoint", merchant: merchant, key: key) {
      try await (other ?? server).handler.createEndpoint(
        request: WebhooksV1.CreateEndpointRequest(url: url, eventTypes: types), context: $0)
    }
  }

  func endpoint(
    _ id: String, merchant: MerchantID = merchant
  ) async throws -> WebhooksV1.Endpoint? {
    try await call("ListEndpoints", merchant: merchant) {
      try await server.handler.listEndpoints(
        request: WebhooksV1.ListEndpointsRequest(), context: $0)
    }.endpoints.first { $0.id == id }
  }

  /// Creates an endpoint and waits until its challenge was answered.
  func enabled(
    _ receiver: Receiver, key: String = "create", types: [String] = []
  ) async throws -> (id: String, secret: String) {
    let made = try await create(receiver.url, key: key, types: types)
    let id = made.endpoint?.id ?? ""
    try await eventually("an endpoint is enabled") {
      try await endpoint(id)?.state == .enabled
    }
    return (id, made.secret)
  }

  func event(
    _ type: String = "payment_intent.succeeded", object: String = "pi_x", version: UInt64 = 1,
    merchant: MerchantID = merchant
  ) -> WebhooksV1.EventToPublish {
    WebhooksV1.EventToPublish(
      id: environment.identifiers.make(EventID.self).description, merchantID: merchant.description,
      type: type, objectID: object, objectVersion: version,
      createdAt: GoogleProtobuf.Timestamp(environment.clock.now),
      objectJson: #"{"id":"\#(object)","note":"größe \/ "}"#)
  }

  @discardableResult
  func publish(
    _ events: [WebhooksV1.EventToPublish]
  ) async throws -> WebhooksV1.PublishResponse {
    try await call("Publish", merchant: nil, peer: .service("intents")) {
      try await server.publisher.publish(
        request: WebhooksV1.PublishRequest(events: events), context: $0)
    }
  }

  func events(
    after: UInt64 = 0, size: UInt32 = 0, object: String = "", merchant: MerchantID = merchant
  ) async throws -> WebhooksV1.ListEventsResponse {
    try await call("ListEvents", merchant: merchant) {
      try await server.handler.listEvents(
        request: WebhooksV1.ListEventsRequest(
          afterSequence: after, pageSize: size, objectID: object), context: $0)
    }
  }

  func deliveries(of event: String) async throws -> [WebhooksV1.Delivery] {
    try await call("ListDeliveries", merchant: Self.merchant) {
      try await server.handler.listDeliveries(
        request: WebhooksV1.ListDeliveriesRequest(eventID: event), context: $0)
    }.deliveries
  }

  func retry(_ delivery: String, key: String) async throws -> WebhooksV1.Delivery? {
    try await call("RetryDelivery", merchant: Self.merchant, key: key) {
      try await server.handler.retryDelivery(
        request: WebhooksV1.RetryDeliveryRequest(deliveryID: delivery), context: $0)
    }.delivery
  }

  func verify(_ endpoint: String, key: String) async throws -> WebhooksV1.Endpoint? {
    try await call("VerifyEndpoint", merchant: Self.merchant, key: key) {
      try await server.handler.verifyEndpoint(
        request: WebhooksV1.VerifyEndpointRequest(endpointID: endpoint), context: $0)
    }.endpoint
  }

  func disable(_ endpoint: String, key: String) async throws -> WebhooksV1.Endpoint? {
    try await call("DisableEndpoint", merchant: Self.merchant, key: key) {
      try await server.handler.disableEndpoint(
        request: WebhooksV1.DisableEndpointRequest(endpointID: endpoint), context: $0)
    }.endpoint
  }

  func rotate(
    _ endpoint: String, key: String, hours: UInt32? = nil
  ) async throws -> WebhooksV1.RotateSecretResponse {
    try await call("RotateSecret", merchant: Self.merchant, key: key) {
      try await server.handler.rotateSecret(
        request: WebhooksV1.RotateSecretRequest(endpointID: endpoint, overlapHours: hours),
        context: $0)
    }
  }

  func waitForState(
    _ state: WebhooksV1.DeliveryState, of event: String
  ) async throws -> WebhooksV1.Delivery {
    try await eventually("a delivery becomes \(state)") {
      try await deliveries(of: event).first?.state == state
    }
    guard let delivery = try await deliveries(of: event).first else { throw TestSetupError("none") }
    return delivery
  }
}
