import Glibc
import Testing

@testable import GatewaySimulator

/// Every fault as the client's socket sees it, whether it acted, and what the same key says then.
@Suite struct FaultTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let fault: String
    let seen: Seen
    let acts: Bool
    /// Status of a second request with the same key.
    let after: Int
    var testDescription: String { fault }

    init(_ fault: String, _ seen: Seen, acts: Bool, after: Int = 200) {
      self.fault = fault
      self.seen = seen
      self.acts = acts
      self.after = after
    }
  }

  static let stripeRows = [
    Row("timeout_before", .silent, acts: false),
    Row("timeout_after", .silent, acts: true),
    Row("error_500", .answer(500), acts: false, after: 500),
    Row("error_500_after", .answer(500), acts: true, after: 500),
    Row("bad_gateway", .answer(502), acts: false),
    Row("bad_gateway_after", .answer(502), acts: true),
    Row("unavailable", .answer(503), acts: false),
    Row("rate_limited", .answer(429), acts: false),
    Row("key_in_use", .answer(409), acts: false),
    Row("truncated", .short, acts: true),
    Row("close_before", .empty, acts: false),
    Row("close_after", .empty, acts: true),
    Row("reset_after", .reset, acts: true),
    Row("invalid_json", .answer(200), acts: true),
    Row("wrong_amount", .answer(200), acts: true),
    Row("wrong_currency", .answer(200), acts: true),
    Row("wrong_reference", .answer(200), acts: true),
    Row("key_reused", .answer(400), acts: false),
    Row("unknown_enum", .answer(200), acts: true),
    Row("huge_body", .answer(200), acts: true),
  ]

  @Test(arguments: stripeRows) func stripe(row: Row) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let made = ports.control(
      "POST",
      "/control/faults",
      "{\"gateway\":\"stripe\",\"fault\":\"\(row.fault)\",\"match\":{\"operation\":\"authorize\"}}"
    )
    #expect(made.status == 201)
    let answer = ports.stripe(
      "POST",
      "/v1/payment_intents",
      stripePayment(),
      key: "key-1",
      limitMilliseconds: row.seen == .silent ? 300 : 60_000
    )
    #expect(answer.seen == row.seen)
    // A client that saw nothing knows nothing: only the books tell.
    #expect(ports.eventually { ports.summary()["charges"]?.int == (row.acts ? 1 : 0) })
    switch row.fault {
    case "invalid_json": #expect(JSON(parsing: answer.body) == nil)
    case "wrong_amount": #expect(answer.json["amount"]?.int == 5000)
    case "wrong_currency": #expect(answer.json["currency"]?.text == "usd")
    case "wrong_reference": #expect(answer.json["metadata"]?["intent"]?.text == "otherpi1")
    case "unknown_enum": #expect(answer.json["status"]?.text == "teleported")
    case "huge_body":
      #expect(answer.body.count > 8 << 20 && answer.json["amount"]?.int == 4999)
    case "key_reused": #expect(answer.json["error"]?["type"]?.text == "idempotency_error")
    case "bad_gateway": #expect(answer.headers["content-type"] == "text/html")
    default: break
    }
    let again = ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-1")
    #expect(again.status == row.after)
    if row.after == 200 { #expect(again.json["amount"]?.int == 4999) }
    // Whatever it was: never a second charge.
    #expect((ports.summary()["charges"]?.int ?? 9) == (row.after == 500 && !row.acts ? 0 : 1))
  }

  /// The payment is there, by its id it can be canceled, and its key answers nothing else.
  @Test func aPaymentThatStaysUndecidedKeepsItsKey() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let rule = #"{"gateway":"stripe","fault":"timeout_undecided","match":{"operation":"authorize"}}"#
    #expect(ports.control("POST", "/control/faults", rule).status == 201)
    let lost = ports.stripe(
      "POST", "/v1/payment_intents", stripePayment(), key: "key-1", limitMilliseconds: 300)
    #expect(lost.seen == .silent)
    #expect(ports.eventually { ports.summary()["payments"]?.int == 1 })
    #expect(ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-1").status == 409)
    #expect(ports.summary()["charges"]?.int == 0 && ports.summary()["payments"]?.int == 1)
    let listed = ports.stripe("GET", "/v1/payment_intents").json["data"]?.items?.first
    #expect(listed?["status"]?.text == "requires_confirmation")
    let id = listed?["id"]?.text ?? ""
    let ended = ports.stripe("POST", "/v1/payment_intents/\(id)/cancel", key: "key-2")
    #expect(ended.json["status"]?.text == "canceled")
  }

  static let adyenRows = [
    Row("timeout_before", .silent, acts: false),
    Row("timeout_after", .silent, acts: true),
    Row("error_500", .answer(500), acts: false),
    Row("error_500_after", .answer(500), acts: true),
    Row("bad_gateway", .answer(502), acts: false),
    Row("unavailable", .answer(503), acts: false),
    Row("rate_limited", .answer(429), acts: false),
    Row("key_in_use", .answer(422), acts: false),
    Row("truncated", .short, acts: true),
    Row("close_after", .empty, acts: true),
    Row("wrong_amount", .answer(200), acts: true),
    Row("wrong_reference", .answer(200), acts: true),
    Row("wrong_currency", .answer(200), acts: true),
    Row("key_reused", .answer(422), acts: false),
    Row("unknown_enum", .answer(200), acts: true),
    Row("huge_body", .answer(200), acts: true),
  ]

  @Test(arguments: adyenRows) func adyen(row: Row) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/faults", "{\"gateway\":\"adyen\",\"fault\":\"\(row.fault)\"}")
    let answer = ports.adyen(
      "/payments",
      adyenPayment(),
      key: "key-1",
      limitMilliseconds: row.seen == .silent ? 300 : 60_000
    )
    #expect(answer.seen == row.seen)
    #expect(ports.eventually { ports.summary()["held"]?.int == (row.acts ? 1 : 0) })
    if row.fault == "unavailable" { #expect(answer.json["errorCode"]?.text == "703") }
    if row.fault == "key_reused" {
      #expect(answer.json["errorCode"]?.text == "704" && answer.headers["transient-error"] == nil)
    }
    if row.fault == "unknown_enum" { #expect(answer.json["resultCode"]?.text == "teleported") }
    if row.fault == "wrong_reference" {
      #expect(answer.json["merchantReference"]?.text == "otherref1")
    }
    let again = ports.adyen("/payments", adyenPayment(), key: "key-1")
    #expect(again.json["resultCode"]?.text == "Authorised")
    #expect(ports.summary()["held"]?.int == 1)
  }

  @Test func slowAnswersComeLateButActAtOnce() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control(
      "POST",
      "/control/faults",
      "{\"gateway\":\"any\",\"fault\":\"slow\",\"delay_ms\":3000}"
    )
    let connection = Connection(port: ports.stripe)
    let start = machineMilliseconds()
    connection.send(
      "POST",
      "/v1/payment_intents",
      headers: Ports.stripeHeaders("key-1"),
      body: stripePayment()
    )
    #expect(ports.eventually { ports.summary()["charges"]?.int == 1 })
    #expect(machineMilliseconds() - start < 3000)
    #expect(connection.receive().status == 200)
    #expect(machineMilliseconds() - start >= 3000)
  }

  @Test func keptAliveConnectionsCanBeSingledOut() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control(
      "POST",
      "/control/faults",
      "{\"gateway\":\"stripe\",\"fault\":\"close_after\",\"match\":{\"kept_alive\":true}}"
    )
    let connection = Connection(port: ports.stripe)
    for (key, seen) in [("key-1", Seen.answer(200)), ("key-2", .empty)] {
      let answer = connection.exchange(
        "POST",
        "/v1/payment_intents",
        headers: Ports.stripeHeaders(key),
        body: stripePayment()
      )
      #expect(answer.seen == seen)
    }
    #expect(ports.summary()["charges"]?.int == 2)
  }

  @Test func refusedConnectionsLeaveTheRestAlone() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let open = Connection(port: ports.stripe)
    #expect(
      open.exchange("GET", "/v1/events", headers: Ports.stripeHeaders(nil)).status == 200
    )
    let rule = ports.control(
      "POST",
      "/control/faults",
      "{\"gateway\":\"stripe\",\"fault\":\"refuse\"}"
    )
    #expect(ports.stripe("GET", "/v1/events").seen == .refused)
    // The open connection died with it.
    #expect(
      open.exchange("GET", "/v1/events", headers: Ports.stripeHeaders(nil)).status == 0
    )
    #expect(ports.adyen("/payments", adyenPayment()).status == 200)
    ports.control("DELETE", "/control/faults/" + (rule.json["id"]?.text ?? ""))
    #expect(ports.stripe("GET", "/v1/events").status == 200)
    for _ in 0..<20 {
      ports.control("POST", "/control/faults", "{\"gateway\":\"stripe\",\"fault\":\"refuse\"}")
      #expect(ports.stripe("GET", "/v1/events").seen == .refused)
      ports.control("DELETE", "/control/faults")
      #expect(ports.stripe("GET", "/v1/events").status == 200)
    }
  }

  static let modificationFaults = [
    "modification_fails", "modification_fails_late", "modification_lost",
  ]

  @Test(arguments: [
    ("modification_fails", "requires_capture", "failed"),
    ("modification_fails_late", "succeeded", "done"),
    ("modification_lost", "requires_capture", "received"),
  ])
  func modifications(fault: String, status: String, end: String) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":5}")
    // Neither the authorisation nor Stripe uses it up.
    ports.control("POST", "/control/faults", "{\"fault\":\"\(fault)\"}")
    let id = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    #expect(ports.adyen("/payments/\(id)/captures", adyenChange(4999)).status == 201)
    #expect(
      ports.eventually {
        ports.control("GET", "/books").json["modifications"]?.items?.first?["status"]?.text == end
      }
    )
    #expect(ports.payment(id)?["status"]?.text == status)
    if fault == "modification_fails_late" {
      ports.control("POST", "/control/clock", "{\"advance_seconds\":181}")
      #expect(ports.eventually { ports.payment(id)?["status"]?.text == "requires_capture" })
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5]) func aSeedRepeatsItsFaults(seed: Int) throws {
    func run() throws -> [Int] {
      let gateways = try Gateways()
      let ports = gateways.ports
      ports.control(
        "POST",
        "/control/faults",
        """
        {"gateway":"stripe","fault":["error_500","rate_limited","bad_gateway_after"],\
        "probability":0.5,"seed":\(seed)}
        """
      )
      return (0..<40).map { number in
        ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-\(number)").status
      }
    }
    let first = try run()
    #expect(first == (try run()))
    #expect(Set(first).count > 1)
  }

  @Test(arguments: [
    "{\"fault\":\"nothing\"}", "{\"gateway\":\"paypal\",\"fault\":\"slow\"}", "{}", "[]", "",
    "{\"fault\":\"slow\",\"match\":{\"operatoin\":\"capture\"}}",
    "{\"fault\":[\"slow\",\"refuse\"]}",
  ])
  func badRulesAreRefused(body: String) throws {
    let gateways = try Gateways()
    #expect(gateways.ports.control("POST", "/control/faults", body).status == 400)
    #expect(gateways.ports.control("GET", "/control/faults").json["faults"]?.items?.count == 0)
  }

  @Test func conditionsNarrowARule() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control(
      "POST",
      "/control/faults",
      """
      {"gateway":"stripe","fault":"rate_limited","count":10,"skip":1,\
      "match":{"reference_prefix":"hit","metadata":{"intent":"pi1"},"amount":4999}}
      """
    )
    func status(_ reference: String, _ amount: Int, _ intent: String) -> Int {
      ports.stripe(
        "POST",
        "/v1/payment_intents",
        "amount=\(amount)&currency=eur&confirm=true&payment_method=pm_card_visa"
          + "&metadata[reference]=\(reference)&metadata[intent]=\(intent)"
      ).status
    }
    #expect(status("hit1", 4999, "pi1") == 200)
    #expect(status("miss", 4999, "pi1") == 200)
    #expect(status("hit2", 5000, "pi1") == 200)
    #expect(status("hit3", 4999, "pi2") == 200)
    #expect(status("hit4", 4999, "pi1") == 429)
  }
}
