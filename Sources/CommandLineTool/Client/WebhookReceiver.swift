import GRPCCore
import InboundHTTP
import Money
import Wire

/// A webhook endpoint on this machine: answers the challenge, checks each signature, hands on what
/// arrives, one after the other.
final class WebhookReceiver: Sendable {
  enum Arrival: Sendable, Equatable {
    /// A signed event; `body` as it was sent.
    case event(type: String, id: String, body: String)
    case refused(why: String)
  }

  private struct Head: Decodable {
    struct Content: Decodable {
      let challenge: String?
    }
    let type: String
    let id: String
    let data: Content?
  }

  static let verifySeconds: Int64 = 30
  static let secretMilliseconds: Int64 = 5_000
  static let pause: Duration = .milliseconds(200)

  private let verifier: Monitor<WebhookVerifier?>
  private let listener: Listener
  private let session: ServiceSession
  /// nil: the demo merchant, as its own client.
  private let merchant: MerchantID?

  /// - Parameter handle: runs on the listener's threads, never twice at once.
  init(
    _ session: ServiceSession, merchant: MerchantID? = nil,
    handle: @escaping @Sendable (Arrival) -> Void
  ) {
    // Requests wait until the endpoint's secret is known.
    let verifier = Monitor<WebhookVerifier?>(nil)
    self.verifier = verifier
    self.session = session
    self.merchant = merchant
    listener = Listener(name: "webhooks") { request, _ in
      guard
        let known = verifier.wait(limitMilliseconds: Self.secretMilliseconds, until: { $0 })
      else { return Exchange(response: Response(status: 503, body: [])) }
      return verifier.withLock { _ in
        let reply = Self.answer(request, known)
        if let arrival = reply.arrival { handle(arrival) }
        return Exchange(response: Response(status: reply.status, body: reply.body))
      }
    }
  }

  /// Listens and registers the endpoint.
  /// - Returns: its id and its address.
  func open(port: UInt16 = 0) async throws -> (id: String, url: String) {
    let chosen: UInt16
    do {
      chosen = try listener.start(port: port)
    } catch {
      throw Failure("port \(port) cannot be used", next: "choose another --port")
    }
    let url = "http://127.0.0.1:\(chosen)/"
    let metadata = CallKeys.metadata(key: try CallKeys.fresh("listen"), merchant: merchant)
    let made = try await session.call(.webhooks, as: caller) { client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .createEndpoint(WebhooksV1.CreateEndpointRequest(url: url), metadata: metadata)
    }
    guard let verifier = WebhookVerifier(secret: made.secret) else {
      throw Failure("webhooks gave no usable secret", next: "see tender doctor")
    }
    self.verifier.change { $0 = verifier }
    return (made.endpoint?.id ?? "", url)
  }

  /// Waits until the challenge was answered, unless `isInterrupted`.
  func waitEnabled(_ id: String, unless isInterrupted: () -> Bool = { false }) async throws {
    let end = MonotonicClock.milliseconds + Self.verifySeconds * 1000
    var reason = ""
    let metadata = CallKeys.metadata(merchant: merchant)
    while MonotonicClock.milliseconds < end, !isInterrupted() {
      let endpoint = try await session.call(.webhooks, as: caller) { client in
        try await WebhooksV1.Webhooks.Client(wrapping: client)
          .listEndpoints(WebhooksV1.ListEndpointsRequest(), metadata: metadata)
      }.endpoints.first { $0.id == id }
      if endpoint?.state == .enabled { return }
      reason = endpoint?.stateReason ?? ""
      try await Task.sleep(for: Self.pause)
    }
    if isInterrupted() { return }
    throw Failure("the endpoint was not enabled (\(reason))", next: "see the log of webhooks")
  }

  func disable(_ id: String) async throws {
    let request = WebhooksV1.DisableEndpointRequest(endpointID: id)
    let metadata = CallKeys.metadata(key: "disable-\(id)", merchant: merchant)
    _ = try await session.call(.webhooks, as: caller) { client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .disableEndpoint(request, metadata: metadata)
    }
  }

  func close() { listener.stop() }

  private var caller: Caller { merchant == nil ? .demoMerchant : .operator }

  /// Challenges are signed too; their value is the answer.
  private static func answer(
    _ request: Request, _ verifier: WebhookVerifier
  ) -> (status: Int, body: [UInt8], arrival: Arrival?) {
    let now = MonotonicClock.wallMilliseconds / 1000
    if case .invalid(let why) = verifier.verify(request, nowSeconds: now) {
      return (401, [], .refused(why: why))
    }
    let text = String(decoding: request.body, as: UTF8.self)
    guard let head = try? JSONText.decode(Head.self, from: text) else {
      return (400, [], .refused(why: "not an event"))
    }
    if let challenge = head.data?.challenge, head.type == "endpoint.challenge" {
      return (200, Array("{\"challenge\":\"\(challenge)\"}".utf8), nil)
    }
    return (200, [], .event(type: head.type, id: head.id, body: text))
  }
}
