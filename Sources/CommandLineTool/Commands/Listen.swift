import ArgumentParser
import FoundationEssentials
import Glibc
import GRPCCore
import InboundHTTP
import Synchronization
import Wire

/// Set by Ctrl-C.
private let isInterrupted = Atomic(false)

/// What has arrived.
private final class ListenTally: Sendable {
  let events = Atomic(0)
  let refused = Atomic(0)
}

/// Receives webhooks on this machine, checks each signature, prints each event.
struct Listen: Command {
  static let configuration = CommandConfiguration(
    abstract: "Receive webhooks: register an endpoint here, verify and print each event.")
  static let verifySeconds: Int64 = 30
  static let secretMilliseconds: Int64 = 5_000

  @OptionGroup var common: CommonOptions
  @Option(help: "The port on 127.0.0.1; a free one without it.") var port: UInt16 = 0
  @Option(help: "End after so many events; 0 means Ctrl-C.") var count = 0

  struct Line: Encodable {
    let type: String
    let id: String
    let signature: String
    let body: String
  }

  private struct Head: Decodable {
    struct Content: Decodable {
      let challenge: String?
    }
    let type: String
    let id: String
    let data: Content?
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    // Requests wait until the endpoint's secret is known.
    let ready = Monitor<WebhookVerifier?>(nil)
    let tally = ListenTally()
    let count = count
    let receiver = Listener(name: "webhooks") { request, _ in
      guard
        let verifier = ready.wait(limitMilliseconds: Self.secretMilliseconds, until: { $0 })
      else { return Exchange(response: Response(status: 503, body: [])) }
      // One after the other, so that lines do not mix.
      return ready.withLock { _ in
        let reply = Self.answer(request, verifier, output)
        if reply.status != 200 { tally.refused.add(1, ordering: .relaxed) }
        if reply.isEvent { tally.events.add(1, ordering: .relaxed) }
        if count > 0 && tally.events.load(ordering: .relaxed) >= count {
          isInterrupted.store(true, ordering: .relaxed)
        }
        return Exchange(response: Response(status: reply.status, body: reply.body))
      }
    }
    let port: UInt16
    do {
      port = try receiver.start(port: self.port)
    } catch {
      throw Failure("port \(self.port) cannot be used", next: "choose another --port")
    }
    defer { receiver.stop() }
    signal(SIGINT) { _ in isInterrupted.store(true, ordering: .relaxed) }
    signal(SIGTERM) { _ in isInterrupted.store(true, ordering: .relaxed) }
    return try await ServiceSession.with(try Checkout.find()) { session in
      let endpoint = try await Self.register(port, session)
      guard let verifier = WebhookVerifier(secret: endpoint.secret) else {
        throw Failure("webhooks gave no usable secret", next: "see tender doctor")
      }
      output.line("endpoint \(endpoint.id) at http://127.0.0.1:\(port)/")
      ready.change { $0 = verifier }
      try await Self.waitEnabled(endpoint.id, session)
      output.line("enabled: the challenge was answered; waiting for events, Ctrl-C ends")
      while !isInterrupted.load(ordering: .relaxed) {
        try await Task.sleep(for: .milliseconds(100))
      }
      try await Self.disable(endpoint.id, session)
      output.line("endpoint \(endpoint.id) disabled")
      return tally.refused.load(ordering: .relaxed) == 0 ? .succeeded : .differs
    }
  }

  /// Challenges are signed too; their value is the answer.
  private static func answer(
    _ request: Request, _ verifier: WebhookVerifier, _ output: Output
  ) -> (status: Int, body: [UInt8], isEvent: Bool) {
    let now = MonotonicClock.wallMilliseconds / 1000
    let text = String(decoding: request.body, as: UTF8.self)
    guard case .valid = verifier.verify(request, nowSeconds: now) else {
      output.line("REFUSED \(verifier.verify(request, nowSeconds: now))")
      return (401, [], false)
    }
    guard let head = try? JSONText.decode(Head.self, from: text) else {
      output.line("REFUSED not an event")
      return (400, [], false)
    }
    if let challenge = head.data?.challenge, head.type == "endpoint.challenge" {
      return (200, Array("{\"challenge\":\"\(challenge)\"}".utf8), false)
    }
    let line = Line(type: head.type, id: head.id, signature: "valid", body: text)
    output.line("\(head.type)  \(head.id)  signature valid  \(text)")
    if output.json, let json = try? JSONText.encode(line) {
      Stream.standardOutput.write(json + "\n")
    }
    return (200, [], true)
  }

  // MARK: - The endpoint

  private static func register(
    _ port: UInt16, _ session: ServiceSession
  ) async throws -> (id: String, secret: String) {
    let request = WebhooksV1.CreateEndpointRequest(url: "http://127.0.0.1:\(port)/")
    let metadata = CallKeys.metadata(key: try CallKeys.fresh("listen"))
    let made = try await session.call(.webhooks) { client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .createEndpoint(request, metadata: metadata)
    }
    return (made.endpoint?.id ?? "", made.secret)
  }

  private static func waitEnabled(_ id: String, _ session: ServiceSession) async throws {
    let end = MonotonicClock.milliseconds + verifySeconds * 1000
    var reason = ""
    while MonotonicClock.milliseconds < end, !isInterrupted.load(ordering: .relaxed) {
      let endpoint = try await session.call(.webhooks) { client in
        try await WebhooksV1.Webhooks.Client(wrapping: client)
          .listEndpoints(WebhooksV1.ListEndpointsRequest())
      }.endpoints.first { $0.id == id }
      if endpoint?.state == .enabled { return }
      reason = endpoint?.stateReason ?? ""
      try await Task.sleep(for: .milliseconds(200))
    }
    if isInterrupted.load(ordering: .relaxed) { return }
    throw Failure("the endpoint was not enabled (\(reason))", next: "see the log of webhooks")
  }

  private static func disable(_ id: String, _ session: ServiceSession) async throws {
    let request = WebhooksV1.DisableEndpointRequest(endpointID: id)
    let metadata = CallKeys.metadata(key: "disable-\(id)")
    _ = try await session.call(.webhooks) { client in
      try await WebhooksV1.Webhooks.Client(wrapping: client)
        .disableEndpoint(request, metadata: metadata)
    }
  }
}
