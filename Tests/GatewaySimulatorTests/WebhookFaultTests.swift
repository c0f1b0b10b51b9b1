import InboundHTTP
import Seal
import Testing

@testable import GatewaySimulator

/// What faults do to notifications, as an honest receiver sees it: it verifies like the real one.
@Suite struct WebhookFaultTests {
  static let faults = [
    "webhook_first", "webhook_never", "webhook_duplicate", "webhook_delayed",
    "webhook_out_of_order", "webhook_forged", "webhook_mixed_batch",
  ]

  private final class Receiver: Sendable {
    struct Message: Sendable {
      let type: String
      let items: Int
      let isAuthentic: Bool
    }
    let messages = Monitor<[Message]>([])
    /// Set when a test has its answer.
    let answered = Monitor(false)
    let wasFirst = Monitor(false)
    let listener: Listener

    init() {
      let (messages, answered, wasFirst) = (messages, answered, wasFirst)
      listener = Listener(name: "receiver") { request, _ in
        let message = Receiver.read(request)
        if !answered.withLock({ $0 }) { wasFirst.withLock { $0 = true } }
        messages.change { $0.append(message) }
        return Exchange(response: Response(status: message.isAuthentic ? 200 : 401, body: []))
      }
    }

    private static func read(_ request: Request) -> Message {
      let json = JSON(parsing: request.body) ?? .null
      if request.path == "/stripe" {
        let header = request.header("stripe-signature") ?? ""
        let seconds = header.split(separator: ",").first.flatMap { Int64($0.dropFirst(2)) } ?? 0
        let wanted = Signatures.stripe(
          request.body,
          seconds: seconds,
          secret: SecretBytes(text: Gateways.webhookSecret)
        )
        return Message(type: json["type"]?.text ?? "", items: 1, isAuthentic: header == wanted)
      }
      let items = (json["notificationItems"]?.items ?? []).compactMap {
        $0["NotificationRequestItem"]
      }
      let key = SecretBytes(Hex.decode(Gateways.hmacKey) ?? [])
      let isAuthentic = items.allSatisfy { item in
        func text(_ name: String) -> String { item[name]?.text ?? "" }
        let amount = item["amount"]
        let signed = [
          text("pspReference"), text("originalReference"), text("merchantAccountCode"),
          text("merchantReference"), "\(amount?["value"]?.int ?? 0)",
          amount?["currency"]?.text ?? "", text("eventCode"), text("success"),
        ].joined(separator: ":")
        return item["additionalData"]?["hmacSignature"]?.text
          == Base64.encode(HMACSHA256.code(Array(signed.utf8), key: key))
      }
      return Message(
        type: items.first?["eventCode"]?.text ?? "",
        items: items.count,
        isAuthentic: isAuthentic
      )
    }

    func count(_ type: String, authentic: Bool = true) -> Int {
      messages.withLock { $0.count { $0.type == type && $0.isAuthentic == authentic } }
    }
  }

  private struct Scene {
    let receiver: Receiver
    let gateways: Gateways
    var ports: Ports { gateways.ports }

    init(_ gateway: String, _ fault: String, operation: String = "authorize") throws {
      receiver = Receiver()
      gateways = try Gateways(
        webhookPort: try receiver.listener.start(port: 0),
        events: ["payment_intent.succeeded", "refund.created"]
      )
      let rule =
        #"{"gateway":"\#(gateway)","fault":"\#(fault)","match":{"operation":"\#(operation)"}}"#
      #expect(ports.control("POST", "/control/faults", rule).status == 201)
    }

    func stripe() -> String {
      let answer = ports.stripe("POST", "/v1/payment_intents", stripePayment())
      receiver.answered.withLock { $0 = true }
      #expect(answer.status == 200)
      return answer.json["id"]?.text ?? ""
    }

    func counts(_ name: String) -> Int64? {
      ports.control("GET", "/control/webhooks").json[name]?.int
    }
    func settled() -> Bool { ports.eventually { counts("waiting") == 0 } }
    func end() { receiver.listener.stop() }
  }

  private let succeeded = "payment_intent.succeeded"

  @Test func theNotificationIsThereBeforeTheAnswer() throws {
    let scene = try Scene("stripe", "webhook_first")
    defer { scene.end() }
    _ = scene.stripe()
    #expect(scene.receiver.wasFirst.withLock { $0 })
    #expect(scene.receiver.count(succeeded) == 1)
  }

  @Test func aModificationIsReportedBeforeItIsReceived() throws {
    let scene = try Scene("adyen", "webhook_first", operation: "capture")
    defer { scene.end() }
    let id = scene.ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    #expect(scene.ports.adyen("/payments/\(id)/captures", adyenChange(4999)).status == 201)
    #expect(scene.receiver.count("CAPTURE") == 1)
  }

  @Test func theNotificationNeverComesAndTheListHasIt() throws {
    let scene = try Scene("stripe", "webhook_never")
    defer { scene.end() }
    _ = scene.stripe()
    #expect(scene.settled() && scene.counts("never_sent") == 1)
    #expect(scene.receiver.count(succeeded) == 0)
    let listed = scene.ports.stripe("GET", "/v1/events?type=" + succeeded).json["data"]?.items
    #expect(listed?.count == 1)
    _ = scene.stripe()
    #expect(scene.ports.eventually { scene.receiver.count(succeeded) == 1 })
  }

  @Test func theNotificationComesThrice() throws {
    let scene = try Scene("stripe", "webhook_duplicate")
    defer { scene.end() }
    _ = scene.stripe()
    #expect(scene.settled() && scene.receiver.count(succeeded) == 3)
  }

  @Test func theNotificationComesLateByTheSimulatorsClock() throws {
    let scene = try Scene("stripe", "webhook_delayed")
    defer { scene.end() }
    _ = scene.stripe()
    _ = scene.stripe()
    #expect(scene.ports.eventually { scene.receiver.count(succeeded) == 1 })
    #expect(scene.ports.eventually { scene.counts("waiting") == 1 })
    scene.ports.control("POST", "/control/clock", #"{"advance_seconds":61}"#)
    #expect(scene.settled() && scene.receiver.count(succeeded) == 2)
  }

  @Test func aLaterNotificationOvertakes() throws {
    let scene = try Scene("stripe", "webhook_out_of_order")
    defer { scene.end() }
    let id = scene.stripe()
    #expect(scene.ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)").status == 200)
    #expect(scene.settled())
    let order = scene.receiver.messages.withLock { $0.map(\.type) }
    #expect(order == ["refund.created", succeeded])
  }

  @Test(arguments: ["stripe", "adyen"]) func aForgedOneComesAhead(gateway: String) throws {
    let scene = try Scene(gateway, "webhook_forged")
    defer { scene.end() }
    if gateway == "stripe" {
      _ = scene.stripe()
    } else {
      #expect(scene.ports.adyen("/payments", adyenPayment()).status == 200)
    }
    #expect(scene.settled())
    #expect(scene.receiver.messages.withLock { $0.map(\.isAuthentic) } == [false, true])
    #expect(scene.counts("forged") == 1 && scene.counts("forged_accepted") == 0)
  }

  @Test func aForgedItemHidesBehindATrueOne() throws {
    let scene = try Scene("adyen", "webhook_mixed_batch")
    defer { scene.end() }
    #expect(scene.ports.adyen("/payments", adyenPayment()).status == 200)
    #expect(scene.settled())
    let messages = scene.receiver.messages.withLock { $0 }
    #expect(messages.map(\.items) == [2, 1])
    #expect(messages.map(\.isAuthentic) == [false, true])
    #expect(scene.counts("forged_accepted") == 0)
  }
}
