import Foundation
import GatewaySimulator
import Outbound
import Seal
import TestSupport

/// Both test gateways in this process, with what a test does to them and reads from their books.
struct TestGateways: Sendable {
  static let stripeKey = "sk_test_1"
  static let adyenKey = "adyen_test_1"
  static let adyenAccount = "TestMerchant"

  let simulator: Simulator
  /// Talks to the control port as the tests' own client.
  let client: HTTPClient

  static func start(books: String) throws -> Simulator {
    var settings = SimulatorSettings(
      booksPath: books, stripeKey: SecretBytes(text: stripeKey),
      adyenKey: SecretBytes(text: adyenKey), adyenMerchantAccount: adyenAccount)
    settings.syncsBooks = false
    return try Simulator(settings)
  }

  /// A payment as a gateway's books hold it.
  struct Payment: Decodable, Sendable {
    var gateway: String
    var id: String
    var status: String
    var authorized: Int64
    var captured: Int64
    var refunded: Int64
    var reference: String
    var tries: Int64
    var disputed: Int64
  }

  /// A SetupIntent as Stripe's books hold it.
  struct Setup: Decodable, Sendable {
    var id: String
    var status: String
    var metadata: [String: String]
  }

  /// A request that a gateway has accepted.
  struct Request: Decodable, Sendable {
    var operation: String
    var idempotencyKey: String?

    enum CodingKeys: String, CodingKey {
      case operation
      case idempotencyKey = "idempotency_key"
    }
  }

  private struct Requests: Decodable { var requests: [Request] }

  private struct Books: Decodable {
    var payments: [Payment]
    var setups: [Setup]
  }

  /// Strikes `count` times; the operations are those of the simulator's fault rules.
  func inject(
    _ gateway: String, _ fault: String, on operations: [String] = ["authorize"], count: Int = 1
  ) async throws {
    let names = operations.map { "\"\($0)\"" }.joined(separator: ",")
    let match = operations.isEmpty ? "" : #","match":{"operation":[\#(names)]}"#
    let rule = #"{"gateway":"\#(gateway)","fault":"\#(fault)","count":\#(count)\#(match)}"#
    _ = try await control(.post, "/control/faults", rule)
  }

  /// The gateway accepts requests and answers none, whatever they ask.
  func blackHole(_ gateway: String) async throws {
    try await inject(gateway, "timeout_before", on: [], count: 1_000)
  }

  func refuseConnections(_ gateway: String) async throws {
    _ = try await control(
      .post, "/control/faults", #"{"gateway":"\#(gateway)","fault":"refuse"}"#)
  }

  /// Whoever connects reads a TLS alert.
  func breakTLS(_ gateway: String) async throws {
    _ = try await control(
      .post, "/control/faults", #"{"gateway":"\#(gateway)","fault":"tls_failure"}"#)
  }

  func heal() async throws { _ = try await control(.delete, "/control/faults") }

  func advance(hours: Int) async throws {
    _ = try await control(.post, "/control/clock", #"{"advance_seconds":\#(hours * 3_600)}"#)
  }

  func payments() async throws -> [Payment] {
    try JSONDecoder().decode(Books.self, from: try await control(.get, "/books")).payments
  }

  func requests(_ operation: String) async throws -> [Request] {
    try JSONDecoder().decode(
      Requests.self, from: try await control(.get, "/books/requests")
    ).requests.filter { $0.operation == operation }
  }

  func setups() async throws -> [Setup] {
    try JSONDecoder().decode(Books.self, from: try await control(.get, "/books")).setups
  }

  /// Makes a payment at Stripe behind the service's back, as a send that is still on its way would.
  func createAtStripe(reference: String, confirmed: Bool) async throws {
    try await createAtStripe(metadata: ["reference": reference], confirmed: confirmed)
  }

  /// The same with all that it is marked with.
  func createAtStripe(metadata: [String: String], confirmed: Bool = true) async throws {
    let marks = metadata.map { "&metadata[\($0.key)]=\($0.value)" }.joined()
    let form =
      "amount=4999&currency=eur&payment_method=pm_card_visa&capture_method=manual"
      + "&confirm=\(confirmed)" + marks
    let report = await client.send(
      OutboundRequest(
        .post, "http://127.0.0.1:\(simulator.stripePort)/v1/payment_intents",
        headers: [
          HeaderField("authorization", "Bearer \(Self.stripeKey)"),
          HeaderField("content-type", "application/x-www-form-urlencoded"),
        ], body: Array(form.utf8), timeout: .seconds(10)))
    guard report.status == 200 else { throw TestSetupError("stripe: \(report.status ?? 0)") }
  }

  private func control(
    _ method: OutboundRequest.Method, _ path: String, _ body: String = ""
  ) async throws -> Data {
    let report = await client.send(
      OutboundRequest(
        method, "http://127.0.0.1:\(simulator.controlPort)\(path)",
        headers: [HeaderField("content-type", "application/json")], body: Array(body.utf8),
        timeout: .seconds(10)))
    guard let status = report.status, 200..<300 ~= status else {
      throw TestSetupError("\(path): \(String(decoding: report.body, as: UTF8.self))")
    }
    return Data(report.body)
  }
}
