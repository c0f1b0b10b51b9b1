import InboundHTTP

/// A request after routing.
struct Call: Sendable {
  let operation: Operation
  /// The id in the path.
  var target: String?
  /// As the client has addressed the gateway: where pages for payers are.
  var host = "127.0.0.1"
  var form = Form()
  var json = JSON.null
  /// nil: none was sent, or the call changes nothing.
  var idempotencyKey: String?
  /// Hashes of method and path, and of the parameters.
  var endpoint: UInt64 = 0
  var fingerprint: UInt64 = 0
  /// As far as the request itself says.
  var facts: FaultFacts
  /// What a fault wants to become of the captured money.
  var fate: DueAction?
}

/// An answer and whether it belongs to the idempotency key from now on.
struct Outcome: Sendable {
  var response: Response
  var isStored: Bool
}

enum Routing {
  case call(Call)
  case refused(Response)
}

enum KeyTrouble {
  case inUse, reused
}

/// What the two gateways say differently. Pure but for the random ids: books and time come in.
protocol GatewayAPI: Sendable {
  var gateway: Gateway { get }
  /// How long the first answer to a key is kept.
  var answersKeptMilliseconds: Int64 { get }

  func route(_ request: Request) -> Routing
  func execute(_ call: Call, fault: Fault?, _ books: inout Books, now: Int64) -> Outcome
  /// Something in the books is due.
  func perform(_ duty: Duty, _ books: inout Books, now: Int64)
  /// The payer answers the bank's page of a payment that waits for them.
  func challenge(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64)
  /// Where a payer who has answered goes; nil while they have not.
  func returnAddress(_ payment: Payment) -> String?
  /// Ends an authentication that waits for the payer; nil if none waits.
  func authenticate(_ id: String, succeeds: Bool, _ books: inout Books, now: Int64) -> Bool

  func troubled(_ trouble: KeyTrouble, _ call: Call) -> Response
  /// What a fault that does not act answers to this call.
  func failure(_ fault: Fault, _ call: Call) -> Response
  /// Adds what every answer carries: request ids, the echoed key, the replay mark.
  func dress(_ response: inout Response, _ call: Call, isReplay: Bool)
  /// Whether a 500 that acted is what the key answers from now on.
  var storesFailures: Bool { get }
}

/// `application/x-www-form-urlencoded` fields in their order.
struct Form: Sendable {
  var fields: [(name: String, value: String)] = []

  subscript(_ name: String) -> String? { fields.last { $0.name == name }?.value }

  func values(_ name: String) -> [String] {
    fields.filter { $0.name == name || $0.name.hasPrefix(name + "[") }.map(\.value)
  }

  /// `metadata[order]=6735` → ("order", "6735")
  func pairs(_ name: String) -> [(String, String)] {
    let prefix = name + "["
    return fields.compactMap { field in
      guard field.name.hasPrefix(prefix), field.name.utf8.last == UInt8(ascii: "]") else {
        return nil
      }
      let inner = field.name.utf8.dropFirst(prefix.utf8.count).dropLast()
      return (String(Substring(inner)), field.value)
    }
  }
}
