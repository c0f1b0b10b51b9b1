import InboundHTTP
import Seal
import Testing

@testable import GatewaySimulator

@Suite struct WebhookTests {
  @Test func stripeVector() {
    let body = #"{"id":"evt_test_webhook","object":"event","type":"payment_intent.succeeded"}"#
    let header = Signatures.stripe(
      Array(body.utf8),
      seconds: 1_700_000_000,
      secret: SecretBytes(text: "whsec_test_secret")
    )
    #expect(
      header == "t=1700000000,v1="
        + "130dc37d5a27b1b232a61e4f2ff00ed245f498112c11e8b747aff3d0fb754056"
    )
  }

  @Test func adyenVector() throws {
    let item = NotificationItem(
      pspReference: "7914073381342284",
      merchantAccount: "TestMerchant",
      merchantReference: "TestPayment-1407325143704",
      amount: 1130,
      currency: "EUR",
      eventCode: "AUTHORISATION",
      succeeds: true,
      atMilliseconds: 0
    )
    let key = try #require(Hex.decode(Gateways.hmacKey))
    #expect(
      Signatures.adyen(item, key: SecretBytes(key))
        == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="
    )
  }

  /// What a listener of ours was sent; it refuses the first try of everything.
  private final class Inbox: Sendable {
    struct Received: Sendable {
      let path: String
      let signature: String?
      let body: [UInt8]
    }
    let received = Monitor<[Received]>([])
    let listener: Listener

    init() {
      let received = received
      listener = Listener(name: "inbox") { request, _ in
        let isFirst = received.change { list -> Bool in
          defer {
            list.append(
              Received(
                path: request.path,
                signature: request.header("stripe-signature"),
                body: request.body
              )
            )
          }
          return !list.contains { $0.body == request.body }
        }
        return Exchange(response: Response(status: isFirst ? 500 : 200, body: []))
      }
    }

    func message(_ condition: @escaping (JSON) -> Bool) -> Received? {
      received.wait(limitMilliseconds: 60_000) { list in
        list.first { JSON(parsing: $0.body).map(condition) ?? false }
      }
    }
  }

  @Test func notificationsAreSignedAndRepeated() throws {
    let inbox = Inbox()
    let gateways = try Gateways(webhookPort: try inbox.listener.start(port: 0))
    defer { inbox.listener.stop() }
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":1}")
    ports.stripe("POST", "/v1/payment_intents", stripePayment())
    let event = try #require(inbox.message { $0["type"]?.text == "payment_intent.succeeded" })
    #expect(event.path == "/stripe")
    let parts = (event.signature ?? "").split(separator: ",")
    let seconds = try #require(parts.first.flatMap { Int64($0.dropFirst(2)) })
    #expect(
      event.signature
        == Signatures.stripe(
          event.body,
          seconds: seconds,
          secret: SecretBytes(text: Gateways.webhookSecret)
        )
    )

    let id = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    ports.adyen("/payments/\(id)/captures", adyenChange(4999))
    func item(_ json: JSON) -> JSON? {
      json["notificationItems"]?.items?.first?["NotificationRequestItem"]
    }
    let capture = try #require(inbox.message { item($0)?["eventCode"]?.text == "CAPTURE" })
    let fields = try #require(JSON(parsing: capture.body).flatMap(item))
    #expect(fields["originalReference"]?.text == id)
    #expect(fields["success"]?.text == "true")
    #expect(fields["merchantReference"]?.text == "change1")
    let signed = [
      fields["pspReference"]?.text ?? "", id, "TestMerchant", "change1", "4999", "EUR", "CAPTURE",
      "true",
    ].joined(separator: ":")
    let key = SecretBytes(try #require(Hex.decode(Gateways.hmacKey)))
    #expect(
      fields["additionalData"]?["hmacSignature"]?.text
        == Base64.encode(HMACSHA256.code(Array(signed.utf8), key: key))
    )
    // Refused once, each comes again until it is accepted.
    #expect(
      ports.eventually {
        let counts = ports.control("GET", "/control/webhooks").json
        return counts["waiting"]?.int == 0 && (counts["sent"]?.int ?? 0) >= 4
      }
    )
  }

  /// An endpoint is set up for some types; the others are events all the same.
  @Test func onlyChosenTypesAreSent() throws {
    let inbox = Inbox()
    let gateways = try Gateways(
      webhookPort: try inbox.listener.start(port: 0), events: ["payment_intent.succeeded"])
    defer { inbox.listener.stop() }
    gateways.ports.stripe("POST", "/v1/payment_intents", stripePayment())
    _ = try #require(inbox.message { $0["type"]?.text == "payment_intent.succeeded" })
    let types = inbox.received.withLock { $0.compactMap { JSON(parsing: $0.body)?["type"]?.text } }
    #expect(Set(types) == ["payment_intent.succeeded"])
    let events = gateways.ports.stripe("GET", "/v1/events").json["data"]?.items ?? []
    #expect(events.contains { $0["type"]?.text == "payment_intent.created" })
  }

  @Test func chaosIsDrawnBySeed() {
    func delays(_ seed: UInt64, duplicate: Double = 0.5, late: Double = 0.5) -> [[Int64]] {
      var chaos = WebhookChaos(
        duplicateProbability: duplicate, lateProbability: late, lateMilliseconds: 1_000, seed: seed)
      return (0..<100).map { _ in chaos.draw() }
    }
    #expect(delays(1) == delays(1))
    #expect(delays(1) != delays(2))
    #expect(delays(1).allSatisfy { (1...WebhookChaos.copiesMax).contains($0.count) })
    #expect(delays(1).contains { $0.count > 1 } && delays(1).contains { $0 == [0] })
    #expect(delays(1).joined().allSatisfy { (0...1_000).contains($0) })
    #expect(delays(1).joined().contains { $0 > 0 })
    #expect(delays(1, duplicate: 0, late: 0).allSatisfy { $0 == [0] })
  }

  /// Copies and delays while the chaos lasts; afterwards everything once more, on request.
  @Test func notificationsAreCopiedHeldBackAndResent() throws {
    let inbox = Inbox()
    let gateways = try Gateways(
      webhookPort: try inbox.listener.start(port: 0), events: ["payment_intent.succeeded"])
    defer { inbox.listener.stop() }
    let ports = gateways.ports
    for wrong in ["{\"duplicate\":2}", "{\"late\":-1}", "{\"copies\":1}", "[]"] {
      #expect(ports.control("POST", "/control/webhooks", wrong).status == 400)
    }
    let chaos = "{\"duplicate\":1,\"late\":1,\"late_ms\":50,\"seed\":3}"
    #expect(ports.control("POST", "/control/webhooks", chaos).status == 200)
    ports.stripe("POST", "/v1/payment_intents", stripePayment())
    func settled() -> Bool {
      ports.eventually { ports.control("GET", "/control/webhooks").json["waiting"]?.int == 0 }
    }
    #expect(settled())
    // The first try of the first copy was refused.
    #expect(inbox.received.withLock { $0.count } == 4)
    let counts = ports.control("DELETE", "/control/webhooks").json
    #expect(counts["duplicated"]?.int == 2 && counts["late"]?.int == 3)
    #expect(ports.control("POST", "/control/webhooks/resend").json["resent"]?.int == 1)
    #expect(settled())
    #expect(inbox.received.withLock { $0.count } == 5)
    let later = "{\"from_ms\":\(machineMilliseconds() + 60_000)}"
    #expect(ports.control("POST", "/control/webhooks/resend", later).json["resent"]?.int == 0)
    #expect(Set(inbox.received.withLock { $0.map(\.body) }).count == 1)
  }

  @Test func onlyLoopbackIsCalled() throws {
    var settings = Gateways.settings("/tmp/unused-books")
    settings.stripeWebhookURL = "http://192.0.2.1:80/"
    #expect(throws: SettingsError.self) { try Simulator(settings) }
  }
}
