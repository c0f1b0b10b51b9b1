import FoundationEssentials

/// What the local test gateways are told and asked, over their control port.
struct SimulatorControl: Sendable {
  struct Payment: Decodable, Sendable {
    let gateway: String
    let id: String
    let status: String
    let amount: Int64
    let currency: String
    let captured: Int64
    let refunded: Int64
  }
  private struct Books: Decodable {
    let payments: [Payment]
  }
  private struct Rule: Decodable {
    let id: String
  }

  /// One fault at the next authorisation of this amount.
  struct Fault: Encodable, Sendable {
    struct Match: Encodable, Sendable {
      let operation = "authorize"
      let amount: Int64
    }
    let gateway = "any"
    let fault: String
    let count = 1
    let match: Match

    init(_ fault: String, amountMinor: Int64) {
      self.fault = fault
      match = Match(amount: amountMinor)
    }
  }

  let address: Endpoints.Address

  init(_ checkout: Checkout) throws {
    guard let address = try Endpoints.load(checkout).addresses["gateway-sim"] else {
      throw Failure("gateway-sim has no address", next: "run deploy/up")
    }
    self.address = address
  }

  /// - Returns: the rule's id.
  func add(_ fault: Fault) throws -> String {
    let answer = try LoopbackHTTP.send(
      "POST", "/control/faults", to: address, json: try JSONText.encode(fault))
    guard answer.status == 201 else { throw refused("a fault", answer) }
    return try decode(Rule.self, answer).id
  }

  /// Removes a rule; one that has struck for the last time may be gone already.
  func remove(_ id: String) throws {
    _ = try LoopbackHTTP.send("DELETE", "/control/faults/\(id)", to: address)
  }

  /// What the gateways' books hold about an intent.
  func payments(of intent: String) throws -> [Payment] {
    let answer = try LoopbackHTTP.send("GET", "/books?intent=\(intent)", to: address)
    guard answer.status == 200 else { throw refused("a look into its books", answer) }
    return try decode(Books.self, answer).payments
  }

  private func decode<Value: Decodable>(
    _ type: Value.Type, _ answer: LoopbackHTTP.Answer
  ) throws -> Value {
    do {
      return try JSONText.decode(type, from: String(decoding: answer.body, as: UTF8.self))
    } catch {
      throw Failure("gateway-sim answered something else", next: "its version differs; run deploy/up")
    }
  }

  private func refused(_ what: String, _ answer: LoopbackHTTP.Answer) -> Failure {
    let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
    return Failure("gateway-sim refused \(what)", next: "\(answer.status) \(text)")
  }
}
