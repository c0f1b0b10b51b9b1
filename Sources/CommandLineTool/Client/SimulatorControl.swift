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
    /// How often it has struck; missing in the answer to its addition.
    let hits: Int?
  }
  private struct Rules: Decodable {
    let faults: [Rule]
  }

  /// A fault that strikes the next requests it matches.
  struct Fault: Encodable, Sendable {
    struct Match: Encodable, Sendable {
      var operation: String?
      var amount: Int64?
      /// nil: whether the key has been used or not.
      var replay: Bool?
    }
    let gateway: String
    /// Of several, each hit draws one.
    let fault: [String]
    /// nil: once, or for `refuse` until it is removed.
    let count: Int?
    private var match: Match
    /// More than anybody asks for.
    private static let withoutEnd = 1_000_000_000
    /// How likely it strikes what it matches; nil: always.
    var probability: Double?
    var seed: UInt64?
    /// How late a `slow` answer is; nil: the simulator's standard.
    private var delay_ms: Int64?

    /// At the next operations with this amount, at either gateway.
    init(
      _ fault: String, amountMinor: Int64, operation: String = "authorize", count: Int = 1,
      delayMilliseconds: Int64? = nil
    ) {
      gateway = "any"
      delay_ms = delayMilliseconds
      self.fault = [fault]
      self.count = count
      match = Match(operation: operation, amount: amountMinor)
    }

    /// The gateway's port refuses connections until the rule is removed.
    init(refusedBy gateway: String) {
      self.gateway = gateway
      fault = ["refuse"]
      count = nil
      match = Match()
    }

    /// At everything that a gateway is asked, or one operation of it, until the rule is removed or
    /// has struck so often.
    init(
      _ fault: String..., at gateway: String, operation: String? = nil, count: Int = withoutEnd
    ) {
      self.gateway = gateway
      self.fault = fault
      self.count = count
      match = Match(operation: operation)
    }

    /// Of so many percent of Stripe's authorisations the answer is lost, late or says nothing; it
    /// has acted or not. The same request under the same key is answered.
    init(percentOfAuthorizations percent: Int, seed: UInt64) {
      self.init(
        "timeout_before", "timeout_after", "error_500", "error_500_after", "close_before",
        "close_after", "reset_after", "slow", "truncated", "rate_limited", at: "stripe",
        operation: "authorize")
      match.replay = false
      probability = Double(percent) / 100
      self.seed = seed
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
    let answer = try send("POST", "/control/faults", json: try JSONText.encode(fault))
    return try decode(Rule.self, answer).id
  }

  /// How often a rule has struck; 0 for one that is gone.
  func hits(of id: String) throws -> Int {
    let rules: Rules = try get("/control/faults")
    return rules.faults.first { $0.id == id }?.hits ?? 0
  }

  /// Removes every rule.
  func removeFaults() throws { try send("DELETE", "/control/faults") }

  /// Removes a rule; one that has struck for the last time may be gone already.
  func remove(_ id: String) throws {
    _ = try LoopbackHTTP.send("DELETE", "/control/faults/\(id)", to: address)
  }

  /// What the gateways' books hold about an intent.
  func payments(of intent: String) throws -> [Payment] {
    let books: Books = try get("/books?intent=\(intent)")
    return books.payments
  }

  /// - Throws: `Failure` where it refuses.
  func get<Value: Decodable>(_ path: String) throws -> Value {
    try decode(Value.self, try send("GET", path))
  }

  @discardableResult
  func send(_ method: String, _ path: String, json: String? = nil) throws -> LoopbackHTTP.Answer {
    let answer = try LoopbackHTTP.send(method, path, to: address, json: json)
    guard (200..<300).contains(answer.status) else { throw refused("\(method) \(path)", answer) }
    return answer
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
