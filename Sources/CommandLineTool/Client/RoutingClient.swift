import GRPCCore
import Transport
import Wire

/// tender.gateway.v1.Routing, as an operator.
struct RoutingClient: Sendable {
  /// A back-test reads many payments.
  static let backtestLimit = Duration.seconds(60)

  let session: ServiceSession
  var person = OperatorIdentity.operator

  static func with<Result>(
    as person: OperatorIdentity = .operator, _ body: (RoutingClient) async throws -> Result
  ) async throws -> Result {
    try await ServiceSession.with(try Checkout.find()) { session in
      try await body(RoutingClient(session: session, person: person))
    }
  }

  /// One call of the service; `body` gets the stub and the metadata.
  func call<Answer: Sendable>(
    key: String? = nil, within limit: Duration = ServiceSession.callLimit,
    _ body: @Sendable (
      GatewayV1.Routing.Client<HTTP2ClientTransport>, Metadata
    ) async throws -> Answer
  ) async throws -> Answer {
    let metadata = CallKeys.metadata(key: key)
    return try await session.call(.gateway, as: person.caller, within: limit) { client in
      try await body(GatewayV1.Routing.Client(wrapping: client), metadata)
    }
  }

  func list() async throws -> GatewayV1.ListRoutingResponse {
    try await call { try await $0.listRouting(GatewayV1.ListRoutingRequest(), metadata: $1) }
  }

  func version(_ number: UInt32) async throws -> GatewayV1.RoutingVersion {
    let request = GatewayV1.GetRoutingRequest(number: number)
    return try Self.required(
      try await call { try await $0.getRouting(request, metadata: $1) }.version)
  }

  func health() async throws -> GatewayV1.ListGatewayHealthResponse {
    try await call {
      try await $0.listGatewayHealth(GatewayV1.ListGatewayHealthRequest(), metadata: $1)
    }
  }

  static func required<Value>(_ value: Value?) throws -> Value {
    guard let value else {
      throw Failure("gateway-router answered without its result", next: "see tender doctor")
    }
    return value
  }

  /// A file of rules, whole.
  static func document(_ path: String) throws -> String {
    guard let text = try Files.read(path) else {
      throw Failure("\(path) does not exist", next: "name a file of rules", status: .usage)
    }
    guard text.utf8.count <= documentBytesMax else {
      throw Failure(
        "\(path) has \(text.utf8.count) bytes (document_too_large)",
        next: "at most \(documentBytesMax): merge rules", status: .usage)
    }
    guard !text.utf8.contains(0) else {
      throw Failure("\(path) holds a NUL (text_invalid)", next: "write it as text", status: .usage)
    }
    return text
  }

  /// The same as the service's.
  static let documentBytesMax = 262_144
}

/// A file of rules as far as people are shown it; the service checks it.
struct RoutingFile: Decodable {
  struct Rule: Decodable {
    struct Conditions: Decodable {
      struct Amounts: Decodable {
        var from: Int64?
        var to: Int64?
      }

      var amountMinor: Amounts?
      var currencies: [String]?
      var countries: [String]?
      var methods: [String]?
      var brands: [String]?
      var merchants: [String]?

      var words: String {
        let range = amountMinor.map { "\($0.from ?? 0)–\($0.to.map(String.init) ?? "") minor" }
        let lists = [currencies, methods, brands, countries, merchants].compactMap {
          $0?.joined(separator: ",")
        }
        return ([range].compactMap { $0 } + lists).joined(separator: " ")
      }
    }

    struct Share: Decodable {
      var to: String
      var percent: Int
    }

    var name: String
    var when: Conditions?
    var priority: [String]?
    var split: [Share]?
    var order: String?
    var explorePercent: Int?

    var targets: String {
      priority?.joined(separator: " > ")
        ?? (split ?? []).map { "\($0.percent)% \($0.to)" }.joined(separator: ", ")
    }

    var ordering: String {
      guard let order else { return "given" }
      return order + (explorePercent.map { ", \($0)% explores" } ?? "")
    }
  }

  var rules: [Rule]
  var `default`: [String]

  /// Cells are cut so that a line fits a terminal; `--json` has all.
  static let cellMax = 34

  var lines: [String] {
    Table.lines(
      ["#", "rule", "when", "to", "order"],
      rules.enumerated().map { index, rule in
        [
          String(index + 1), Self.cut(rule.name), Self.cut(rule.when?.words ?? "always"),
          Self.cut(rule.targets), rule.ordering,
        ]
      } + [["", "default", "otherwise", Self.cut(`default`.joined(separator: " > ")), "given"]])
  }

  static func cut(_ text: String) -> String {
    text.count <= cellMax ? text : text.prefix(cellMax - 1) + "…"
  }
}
