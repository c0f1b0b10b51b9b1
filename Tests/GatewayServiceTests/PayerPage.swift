import Foundation
import GatewayCore
import Money
import Outbound
import Postgres
import Synchronization
import TestSupport
import Wire

@testable import GatewayService

extension Replica {
  /// The payer has come back, with what their return carried.
  func complete(_ record: OperationRecord, _ result: String? = nil) async throws -> [GatewayV1.Fact] {
    let brought = result.flatMap { RedirectResult(Array($0.utf8)) }
    return try await onLoop(loop) {
      try await flow.completeAction(record.id, of: record.intent, record.merchant, brought)
    }
  }
}

extension GatewayHarness {
  /// A card whose payer must authenticate, at this gateway alone.
  func payerMustAct(at gateway: GatewayName) {
    vault.method.withLock { method in
      method.stripe = gateway == .stripe ? "pm_card_authenticationRequired" : nil
      method.adyen = gateway == .adyen ? "stored_authentication_required" : nil
    }
  }

  /// What the payer is asked now.
  func asked(_ facts: [GatewayV1.Fact]) throws -> GatewayV1.NextAction {
    guard let fact = facts.last(where: { $0.kind == .requiresAction }), !fact.nextAction.isEmpty
    else { throw TestSetupError("nothing is asked of the payer") }
    return try GatewayV1.NextAction(decoding: fact.nextAction, strict: false)
  }

  /// Plays the payer at the bank's page.
  /// - Returns: where they are sent back to.
  func answer(_ action: GatewayV1.NextAction, approve: Bool = true) async throws -> String {
    let report = await gateways.client.send(
      OutboundRequest(
        .post, action.redirectURL,
        headers: [HeaderField("content-type", "application/x-www-form-urlencoded")],
        body: Array("answer=\(approve ? "approve" : "refuse")".utf8), timeout: .seconds(10)))
    guard report.status == 303,
      let back = report.headers.first(where: { $0.name.lowercased() == "location" })?.value
    else { throw TestSetupError("the page answers \(report.status ?? 0)") }
    return back
  }

  /// The decoded value of what a return carries.
  static func parameter(_ name: String, of address: String) -> String? {
    URLComponents(string: address)?.queryItems?.first { $0.name == name }?.value
  }

  /// Adyen's word about the only payment it has.
  func tell(
    _ code: String, success: Bool = true, about order: OperationRecord, to replica: Replica
  ) async throws {
    let attempt = try await first.load(order).operation.attempts[0].attempt
    let payment = try await gateways.payments().first { $0.gateway == "adyen" }
    guard let payment else { throw TestSetupError("no payment at Adyen") }
    let own = code == "AUTHORISATION" ? payment.id : "M1"
    let names =
      #""pspReference":"\#(own)""#
      + (own == payment.id ? "" : #","originalReference":"\#(payment.id)""#)
    let body = """
      {"live":"false","notificationItems":[{"NotificationRequestItem":{
      "amount":{"currency":"EUR","value":4999},"eventCode":"\(code)","success":"\(success)",
      "eventDate":"2026-11-28T10:00:00+00:00","merchantAccountCode":"TestMerchant",
      "merchantReference":"\(GatewayReference.authorize(attempt.id).text)",\(names)}}]}
      """
    _ = try await replica.database.query(
      NotificationStatements.insert([
        .init(gateway: .adyen, id: "\(own):\(code):\(success)", body: Array(body.utf8))
      ]))
    try await replica.notice()
  }
}
