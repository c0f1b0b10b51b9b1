import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// The search for a payment by our reference: pages in, evidence out.
struct SearchTests {
  static let reference = GatewayReference.authorize(AttemptID(bits: 7))

  static func page(_ payments: [String], more: Bool) -> TransferFacts {
    let body =
      "{\"object\":\"list\",\"has_more\":\(more),\"data\":[\(payments.joined(separator: ","))]}"
    return facts(200, body)
  }

  static func facts(_ status: Int, _ body: String) -> TransferFacts {
    TransferFacts(stage: .answered, requestSize: 10, status: status, body: Array(body.utf8))
  }

  static func payment(_ id: String, _ reference: String, amount: Int = 4999) -> String {
    """
    {"id":"\(id)","object":"payment_intent","amount":\(amount),"amount_received":0,
    "currency":"eur","status":"requires_capture","metadata":{"reference":"\(reference)"}}
    """
  }

  @Test func asksForASpanOfTime() throws {
    let order = FindOrder(reference: Self.reference, createdSeconds: 100...130, after: "pi_9")
    let request = try #require(try StripeGateway().find(order))
    #expect(request.method == .get && !request.hasMoneyEffect && request.idempotencyKey == nil)
    #expect(
      request.path == "/v1/payment_intents?created%5Bgte%5D=100&created%5Blte%5D=130"
        + "&limit=\(StripeGateway.pageSize)&starting_after=pi_9")
    #expect(try AdyenGateway().find(order) == nil)
  }

  @Test func findsOurReferenceOnly() throws {
    let gateway = StripeGateway()
    let mine = Self.payment("pi_2", Self.reference.text)
    let other = Self.payment("pi_1", GatewayReference.authorize(AttemptID(bits: 8)).text)
    let found = gateway.readPage(Self.page([other, mine], more: true), for: Self.reference)
    guard case .found(let answer) = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(answer.state == .authorized && answer.echo.reference == "pi_2")
    #expect(
      gateway.readPage(Self.page([other], more: true), for: Self.reference) == .more(after: "pi_1"))
    #expect(gateway.readPage(Self.page([other], more: false), for: Self.reference) == .absent)
    #expect(gateway.readPage(Self.page([], more: false), for: Self.reference) == .absent)
  }

  /// What is no page is never "absent".
  @Test func troubleIsNoEvidence() {
    let gateway = StripeGateway()
    let error = "{\"error\":{\"type\":\"api_error\"}}"
    #expect(
      gateway.readPage(Self.facts(500, error), for: Self.reference)
        == .failed(.indeterminate(status: 500)))
    #expect(
      gateway.readPage(Self.facts(502, "<html>"), for: Self.reference)
        == .failed(.foreignError(status: 502)))
    for body in ["{}", "[]", "{\"object\":\"list\",\"data\":[],\"has_more\":true}"] {
      #expect(
        gateway.readPage(Self.facts(200, body), for: Self.reference) == .failed(.unreadable))
    }
    let cut = TransferFacts(stage: .answering, requestSize: 10, status: 200)
    #expect(gateway.readPage(cut, for: Self.reference) == nil)
  }
}
