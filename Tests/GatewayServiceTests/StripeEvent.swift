import GatewayCore
import Money
import Postgres
import TestSupport

@testable import GatewayService

/// Stripe's events as they are stored, verified already.
enum StripeEvent {
  static func body(id: String, intent: String, reference: String, _ status: String) -> [UInt8] {
    let received = status == "succeeded" ? 4_999 : 0
    return Array(
      """
      {"id":"\(id)","type":"payment_intent.\(status)","livemode":false,"data":{"object":{
      "object":"payment_intent","id":"\(intent)","amount":4999,"amount_received":\(received),
      "currency":"eur","status":"\(status)","metadata":{"reference":"\(reference)"}}}}
      """.utf8)
  }

  /// About the operation's attempt at Stripe, which the gateway's books must hold.
  static func about(
    _ order: OperationRecord, status: String, id: String, _ harness: GatewayHarness
  ) async throws -> NotificationStatements.Row {
    let record = try await harness.first.load(order)
    let attempt = record.operation.attempts.map(\.attempt).first { $0.gateway == .stripe }
    guard let attempt else { throw TestSetupError("no attempt at Stripe") }
    let reference = GatewayReference.authorize(attempt.id).text
    let payment = try await harness.gateways.payments().first { $0.reference == reference }
    guard let payment else { throw TestSetupError("no payment of that attempt") }
    return NotificationStatements.Row(
      gateway: .stripe, id: id,
      body: body(id: id, intent: payment.id, reference: reference, status))
  }

  /// Stored, and processed by one replica.
  static func deliver(
    _ order: OperationRecord, status: String, id: String, to replica: Replica,
    _ harness: GatewayHarness
  ) async throws {
    let row = try await about(order, status: status, id: id, harness)
    _ = try await replica.database.query(NotificationStatements.insert([row]))
    try await replica.notice()
  }
}
