import Foundation
import Testing

@testable import GatewaySimulator

/// The page of the payer's bank, and what comes back from it.
@Suite struct ChallengeTests {
  private static let back = "https://shop.example/back?order=7"

  private static func path(_ address: String) -> String {
    URLComponents(string: address)?.path ?? ""
  }

  private static func form(_ port: UInt16, _ address: String, _ body: String? = nil) -> Answer {
    Connection(port: port).exchange(
      body == nil ? "GET" : "POST", path(address),
      headers: ["Content-Type": "application/x-www-form-urlencoded"], body: body ?? "")
  }

  private static func parameter(_ name: String, _ answer: Answer) -> String? {
    URLComponents(string: answer.headers["location"] ?? "")?.queryItems?
      .first { $0.name == name }?.value
  }

  private static func stripe(_ ports: Ports, capture: String = "manual") -> (String, String) {
    let made = ports.stripe(
      "POST", "/v1/payment_intents",
      stripePayment("pm_card_authenticationRequired", capture: capture)
        + "&return_url=https%3A%2F%2Fshop.example%2Fback%3Forder%3D7"
    ).json
    return (
      made["id"]?.text ?? "", made["next_action"]?["redirect_to_url"]?["url"]?.text ?? ""
    )
  }

  private static func adyen(_ ports: Ports, reference: String = "ref1") -> (String, String) {
    let made = ports.adyen(
      "/payments",
      adyenPayment(
        "stored_authentication_required", reference: reference,
        extra: ",\"returnUrl\":\"\(back)\"")
    ).json
    return (made["pspReference"]?.text ?? "", made["action"]?["url"]?.text ?? "")
  }

  private static func details(_ ports: Ports, _ result: String, key: String? = nil) -> Answer {
    ports.adyen("/payments/details", "{\"details\":{\"redirectResult\":\"\(result)\"}}", key: key)
  }

  @Test func stripesPayerDecidesAtTheBank() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (id, address) = Self.stripe(ports)
    let page = Self.form(ports.stripe, address)
    #expect(page.status == 200 && page.text.contains("<form method=\"post\""))
    #expect(page.headers["content-type"]?.hasPrefix("text/html") == true)
    #expect(Self.form(ports.stripe, address, "answer=perhaps").status == 400)
    #expect(ports.payment(id)?["status"]?.text == "requires_action")
    let sent = Self.form(ports.stripe, address, "answer=approve")
    #expect(sent.status == 303)
    #expect(sent.headers["location"]?.hasPrefix(Self.back + "&payment_intent=\(id)") == true)
    #expect(Self.parameter("redirect_status", sent) == "succeeded")
    let secret = ports.stripe("GET", "/v1/payment_intents/\(id)").json["client_secret"]?.text
    #expect(Self.parameter("payment_intent_client_secret", sent) == secret)
    #expect(ports.payment(id)?["status"]?.text == "requires_capture")
    // Pressed twice: sent back twice, decided once.
    #expect(Self.form(ports.stripe, address, "answer=refuse").headers["location"] == sent.headers["location"])
    #expect(ports.payment(id)?["status"]?.text == "requires_capture")
    #expect(Self.form(ports.stripe, address).status == 410)
  }

  @Test func stripesPayerRefuses() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (id, address) = Self.stripe(ports)
    let sent = Self.form(ports.stripe, address, "answer=refuse")
    #expect(Self.parameter("redirect_status", sent) == "failed")
    let seen = ports.stripe("GET", "/v1/payment_intents/\(id)").json
    #expect(seen["status"]?.text == "requires_payment_method")
    #expect(
      seen["last_payment_error"]?["code"]?.text == "payment_intent_authentication_failure")
  }

  /// Nothing is authorised before the result is handed over; then once.
  @Test func adyensPayerBringsAResult() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (id, address) = Self.adyen(ports)
    let sent = Self.form(ports.adyen, address, "answer=approve")
    #expect(sent.headers["location"]?.hasPrefix(Self.back + "&redirectResult=X") == true)
    let result = try #require(Self.parameter("redirectResult", sent))
    #expect(ports.payment(id)?["status"]?.text == "requires_action")
    let answer = Self.details(ports, result, key: "k1")
    #expect(answer.status == 200 && answer.json["resultCode"]?.text == "Authorised")
    #expect(answer.json["pspReference"]?.text == id)
    #expect(answer.json["merchantReference"]?.text == "ref1")
    #expect(answer.json["amount"]?["value"]?.int == 4999)
    #expect(ports.payment(id)?["status"]?.text == "requires_capture")
    // The same key repeats the answer; another one finds the result used.
    #expect(Self.details(ports, result, key: "k1").json["resultCode"]?.text == "Authorised")
    for key in ["k2", nil] {
      let again = Self.details(ports, result, key: key)
      #expect(again.status == 422 && again.json["errorCode"]?.text == "704")
    }
    #expect(ports.payment(id)?["authorized"]?.int == 4999)
  }

  @Test func adyensPayerRefuses() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (id, address) = Self.adyen(ports)
    let sent = Self.form(ports.adyen, address, "answer=refuse")
    let answer = Self.details(ports, try #require(Self.parameter("redirectResult", sent)))
    #expect(answer.json["resultCode"]?.text == "Refused")
    #expect(answer.json["refusalReasonCode"]?.text == "11")
    #expect(ports.payment(id)?["status"]?.text == "refused")
  }

  /// A result is of one payment: nothing else is authorised by it, and what nobody was given is none.
  @Test func aResultIsOfOnePayment() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (one, address) = Self.adyen(ports)
    let (other, _) = Self.adyen(ports, reference: "ref2")
    let sent = Self.form(ports.adyen, address, "answer=approve")
    let result = try #require(Self.parameter("redirectResult", sent))
    for wrong in ["Xnobody", String(result.dropLast()), ""] {
      #expect(Self.details(ports, wrong).status == 422)
    }
    #expect(Self.details(ports, result).json["pspReference"]?.text == one)
    #expect(ports.payment(other)?["status"]?.text == "requires_action")
  }

  /// There is nothing to cancel yet: it is accepted, and told as failed.
  @Test func whatWaitsForItsPayerIsNotCanceled() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (id, address) = Self.adyen(ports)
    let sent = Self.form(ports.adyen, address, "answer=approve")
    ports.adyen("/payments/\(id)/cancels", adyenChange())
    #expect(ports.payment(id)?["status"]?.text == "requires_action")
    #expect(Self.parameter("redirectResult", sent) != nil)
  }

  @Test func pagesAreOfTheirGateway() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let (_, address) = Self.adyen(ports)
    #expect(Self.form(ports.stripe, address).status == 404)
    #expect(Self.form(ports.adyen, "http://x/3ds/nobody").status == 404)
    #expect(Self.form(ports.adyen, "http://x/3ds/nobody", "answer=approve").status == 404)
  }

  /// The books keep what the payer said.
  @Test func aRestartForgetsNothing() throws {
    let gateways = try Gateways()
    let (id, address) = Self.adyen(gateways.ports)
    let sent = Self.form(gateways.ports.adyen, address, "answer=approve")
    let result = try #require(Self.parameter("redirectResult", sent))
    gateways.simulator.stop()
    let again = try Simulator(Gateways.settings(gateways.path))
    defer { again.stop() }
    let ports = Ports(
      stripe: again.stripePort, adyen: again.adyenPort, control: again.controlPort)
    #expect(Self.details(ports, result).json["resultCode"]?.text == "Authorised")
    #expect(ports.payment(id)?["redirect_result_used"]?.bool == true)
  }
}
