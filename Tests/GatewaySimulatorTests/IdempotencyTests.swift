import Testing

@testable import GatewaySimulator

@Suite struct IdempotencyTests {
  /// Requests with one key, in order, and what each must see. `charges` counts payments at the end.
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let first: String
    let between: [String]
    let second: String
    let firstStatus: Int
    let secondStatus: Int
    let isReplay: Bool
    let code: String?
    let payments: Int64
    var testDescription: String { name }

    init(
      _ name: String,
      _ first: String,
      _ second: String,
      _ firstStatus: Int,
      _ secondStatus: Int,
      replay: Bool,
      code: String? = nil,
      payments: Int64,
      between: [String] = []
    ) {
      self.name = name
      self.first = first
      self.between = between
      self.second = second
      self.firstStatus = firstStatus
      self.secondStatus = secondStatus
      isReplay = replay
      self.code = code
      self.payments = payments
    }
  }

  static func clock(_ seconds: Int) -> String { "clock \(seconds)" }

  static let stripeRows = [
    Row(
      "success is replayed",
      stripePayment(),
      stripePayment(),
      200,
      200,
      replay: true,
      payments: 1
    ),
    Row(
      "a decline is replayed",
      stripePayment("pm_card_visa_chargeDeclined"),
      stripePayment("pm_card_visa_chargeDeclined"),
      402,
      402,
      replay: true,
      payments: 1
    ),
    Row(
      "other parameters are refused",
      stripePayment(),
      stripePayment(amount: 5000),
      200,
      400,
      replay: false,
      code: "idempotency_error",
      payments: 1
    ),
    Row(
      "a bad parameter is not stored",
      "amount=0&currency=eur",
      stripePayment(),
      400,
      200,
      replay: false,
      payments: 1
    ),
    Row(
      "the window ends after 24 hours",
      stripePayment(),
      stripePayment(),
      200,
      200,
      replay: false,
      payments: 2,
      between: [clock(86_401)]
    ),
    Row(
      "before 24 hours it is a replay",
      stripePayment(),
      stripePayment(),
      200,
      200,
      replay: true,
      payments: 1,
      between: [clock(86_300)]
    ),
  ]

  @Test(arguments: stripeRows) func stripe(row: Row) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let first = ports.stripe("POST", "/v1/payment_intents", row.first, key: "key-1")
    for step in row.between { Self.perform(step, ports) }
    let second = ports.stripe("POST", "/v1/payment_intents", row.second, key: "key-1")
    #expect(first.status == row.firstStatus)
    #expect(second.status == row.secondStatus)
    #expect((second.headers["idempotent-replayed"] == "true") == row.isReplay)
    if row.isReplay { #expect(first.body == second.body) }
    if let code = row.code { #expect(second.json["error"]?["type"]?.text == code) }
    #expect(ports.summary()["payments"]?.int == row.payments)
  }

  static let adyenRows = [
    Row("success is replayed", adyenPayment(), adyenPayment(), 200, 200, replay: true, payments: 1),
    Row(
      "a refusal is replayed",
      adyenPayment("stored_declined"),
      adyenPayment("stored_declined"),
      200,
      200,
      replay: true,
      payments: 1
    ),
    Row(
      "another body is refused",
      adyenPayment(),
      adyenPayment(amount: 1),
      200,
      422,
      replay: false,
      code: "704",
      payments: 1
    ),
    Row(
      "kept for seven days",
      adyenPayment(),
      adyenPayment(),
      200,
      200,
      replay: true,
      payments: 1,
      between: [clock(7 * 86_400 - 60)]
    ),
    Row(
      "then forgotten",
      adyenPayment(),
      adyenPayment(),
      200,
      200,
      replay: false,
      payments: 2,
      between: [clock(7 * 86_400 + 1)]
    ),
  ]

  @Test(arguments: adyenRows) func adyen(row: Row) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let first = ports.adyen("/payments", row.first, key: "key-1")
    for step in row.between { Self.perform(step, ports) }
    let second = ports.adyen("/payments", row.second, key: "key-1")
    #expect(first.status == row.firstStatus)
    #expect(second.status == row.secondStatus)
    #expect(second.headers["idempotency-key"] == "key-1")
    #expect((first.body == second.body) == row.isReplay)
    if let code = row.code { #expect(second.json["errorCode"]?.text == code) }
    #expect(ports.summary()["payments"]?.int == row.payments)
  }

  static func perform(_ step: String, _ ports: Ports) {
    let words = step.split(separator: " ")
    ports.control("POST", "/control/clock", "{\"advance_seconds\":\(words[1])}")
  }

  @Test func keysMayBeOnlySoLong() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let long = String(repeating: "k", count: 65)
    #expect(ports.adyen("/payments", adyenPayment(), key: long).status == 422)
    #expect(ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: long).status == 200)
    let longer = String(repeating: "k", count: 256)
    #expect(ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: longer).status == 400)
  }

  @Test func whileTheFirstRunsOthersConflict() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"base_ms\":500}")
    let stripe = (0..<5).map { _ in Connection(port: ports.stripe) }
    let adyen = (0..<5).map { _ in Connection(port: ports.adyen) }
    for connection in stripe {
      connection.send(
        "POST",
        "/v1/payment_intents",
        headers: Ports.stripeHeaders("key-1"),
        body: stripePayment()
      )
    }
    for connection in adyen {
      connection.send(
        "POST",
        "/v71/payments",
        headers: Ports.adyenHeaders("key-1"),
        body: adyenPayment()
      )
    }
    let first = stripe.map { $0.receive() }
    #expect(first.count { $0.status == 200 && $0.headers["idempotent-replayed"] == nil } == 1)
    let conflicts = first.filter { $0.status == 409 }
    #expect(!conflicts.isEmpty)
    for conflict in conflicts {
      #expect(conflict.json["error"]?["code"]?.text == "idempotency_key_in_use")
    }
    let second = adyen.map { $0.receive() }
    #expect(Set(second.filter { $0.status == 200 }.map(\.text)).count == 1)
    let running = second.filter { $0.status == 422 }
    #expect(!running.isEmpty)
    for answer in running { #expect(answer.headers["transient-error"] == "true") }
    #expect(ports.summary()["payments"]?.int == 2)
  }

  @Test func aThousandAtOnceWithOneKeyChargeOnce() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let connections = (0..<1000).map { _ in Connection(port: ports.stripe) }
    for connection in connections { #expect(connection.open()) }
    for connection in connections {
      connection.send(
        "POST",
        "/v1/payment_intents",
        headers: Ports.stripeHeaders("one-key"),
        body: stripePayment()
      )
    }
    var ids: Set<String> = []
    var statuses: [Int: Int] = [:]
    for connection in connections {
      let answer = connection.receive()
      statuses[answer.status, default: 0] += 1
      if let id = answer.json["id"]?.text { ids.insert(id) }
    }
    #expect(ids.count == 1)
    #expect(Set(statuses.keys).isSubset(of: [200, 409]))
    #expect(ports.summary()["charges"]?.int == 1)
    #expect(ports.summary()["captured"]?["EUR"]?.int == 4999)
  }
}
