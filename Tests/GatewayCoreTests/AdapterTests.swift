import Foundation
import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

struct RequestTests {
  static let reference = GatewayReference.authorize(AttemptID(bits: 7))

  static func order(
    _ amount: Amount = Sample.amount,
    mode: Attempt.Mode = .authorizeOnly,
    offSession: Bool = false
  ) -> AuthorizeOrder {
    AuthorizeOrder(
      reference: reference,
      account: "Main",
      amount: amount,
      mode: mode,
      method: .card,
      methodReference: "pm_card_visa",
      customerReference: "cus_1",
      isOffSession: offSession,
      statementDescriptor: "A & B",
      metadata: ["operation": "op_x", "intent": "pi_x"],
      returnURL: "https://shop/?a=b"
    )
  }

  static func header(_ request: GatewayRequest, _ name: String) -> String? {
    request.headers.first { $0.name == name }?.value
  }

  @Test func stripeAuthorizes() throws {
    let request = try StripeGateway().authorize(Self.order())
    #expect(request.method == .post && request.path == "/v1/payment_intents")
    #expect(request.hasMoneyEffect && request.idempotencyKey == Self.reference.text)
    #expect(Self.header(request, "idempotency-key") == Self.reference.text)
    #expect(Self.header(request, "content-type") == "application/x-www-form-urlencoded")
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "amount=4999&currency=eur&confirm=true&capture_method=manual&payment_method=pm_card_visa"
        + "&payment_method_types%5B%5D=card&customer=cus_1&statement_descriptor_suffix=A%20%26%20B"
        + "&return_url=https%3A%2F%2Fshop%2F%3Fa%3Db&metadata%5Breference%5D=\(Self.reference.text)"
        + "&metadata%5Bintent%5D=pi_x&metadata%5Boperation%5D=op_x"
    )
    let charge = try StripeGateway().authorize(Self.order(mode: .charge, offSession: true))
    let body = String(decoding: charge.body, as: UTF8.self)
    #expect(body.contains("capture_method=automatic") && body.contains("off_session=true"))
    #expect(!body.contains("return_url"))
    #expect(try StripeGateway().authorize(Self.order()) == request)
  }

  @Test func adyenAuthorizes() throws {
    let request = try AdyenGateway().authorize(Self.order())
    #expect(request.path == "/v71/payments" && request.hasMoneyEffect)
    #expect(Self.header(request, "idempotency-key") == Self.reference.text)
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
    )
    #expect((json["amount"] as? [String: Any])?["value"] as? Int == 4_999)
    #expect((json["amount"] as? [String: Any])?["currency"] as? String == "EUR")
    #expect((json["additionalData"] as? [String: String]) == ["manualCapture": "true"])
    #expect(json["captureDelayHours"] == nil)
    #expect(json["reference"] as? String == Self.reference.text)
    #expect(json["merchantAccount"] as? String == "Main")
    #expect(json["shopperInteraction"] as? String == "Ecommerce")
    let method = json["paymentMethod"] as? [String: String]
    #expect(method?["storedPaymentMethodId"] == "pm_card_visa" && method?["type"] == "scheme")
    #expect(try AdyenGateway().authorize(Self.order()).body == request.body)
    let absent = try AdyenGateway().authorize(Self.order(offSession: true))
    #expect(String(decoding: absent.body, as: UTF8.self).contains(#""ContAuth""#))
  }

  @Test func laterSteps() throws {
    let capture = GatewayReference.capture(CaptureID(bits: 9), try: 1)
    let modify = ModifyOrder(
      reference: capture,
      account: "Main",
      paymentReference: "pi_1",
      amount: Sample.amount
    )
    let stripe = StripeGateway()
    let adyen = AdyenGateway()
    #expect(try stripe.capture(modify).path == "/v1/payment_intents/pi_1/capture")
    #expect(
      try String(decoding: stripe.capture(modify).body, as: UTF8.self) == "amount_to_capture=4999"
    )
    #expect(try stripe.refund(modify).path == "/v1/refunds")
    #expect(try stripe.get(payment: "pi_1", key: capture)?.method == .get)
    #expect(try stripe.get(refund: "re_1")?.path == "/v1/refunds/re_1")
    #expect(try adyen.capture(modify).path == "/v71/payments/pi_1/captures")
    #expect(try adyen.refund(modify).path == "/v71/payments/pi_1/refunds")
    #expect(try adyen.get(payment: "pi_1", key: capture) == nil)
    let cancel = GatewayReference.cancel(AttemptID(bits: 7), try: 2)
    func order(_ target: CancelOrder.Target, _ mayBeCaptured: Bool = false) -> CancelOrder {
      CancelOrder(
        reference: cancel,
        account: "Main",
        target: target,
        mayBeCaptured: mayBeCaptured
      )
    }
    #expect(try stripe.cancel(order(.payment("pi_1")))?.path == "/v1/payment_intents/pi_1/cancel")
    #expect(try stripe.cancel(order(.own(Self.reference))) == nil)
    #expect(try adyen.cancel(order(.payment("P")))?.path == "/v71/payments/P/cancels")
    #expect(try adyen.cancel(order(.payment("P"), true))?.path == "/v71/payments/P/reversals")
    let technical = try #require(try adyen.cancel(order(.own(Self.reference))))
    #expect(technical.path == "/v71/cancels")
    #expect(String(decoding: technical.body, as: UTF8.self).contains(Self.reference.text))
    // Every request that moves money has a body: a body-less POST would be resent (interleavings 4).
    for request in [
      try stripe.capture(modify), try stripe.refund(modify), try adyen.capture(modify), technical,
    ] {
      #expect(request.hasMoneyEffect && !request.body.isEmpty && request.idempotencyKey != nil)
    }
  }

  @Test(arguments: [
    "", "pi_1/../x", "pi_1?a=b", "pi 1", "pi_ä", String(repeating: "a", count: 256),
  ])
  func pathsTakeOnlyIDs(id: String) {
    let modify = ModifyOrder(
      reference: Self.reference,
      account: "Main",
      paymentReference: id,
      amount: Sample.amount
    )
    #expect(throws: ExpressionError.referenceMalformed) { try StripeGateway().capture(modify) }
    #expect(throws: ExpressionError.referenceMalformed) { try AdyenGateway().capture(modify) }
  }

  @Test(arguments: [
    ("EUR", Int64(4_999), Int64(4_999), Int64(4_999)), ("JPY", 500, 500, 500),
    ("KWD", 5_120, 5_120, 5_120), ("ISK", 5, 500, 500), ("UGX", 5, 500, 5), ("MGA", 500, 5, 500),
    ("CLP", 7, 7, 700), ("IDR", 700, 700, 7), ("CVE", 700, 700, 7),
  ])
  func unitsOfTheGateways(code: String, minor: Int64, stripe: Int64, adyen: Int64) throws {
    let amount = Amount(try #require(Currency(code)), minor: minor)
    let form = String(
      decoding: try StripeGateway().authorize(Self.order(amount)).body,
      as: UTF8.self
    )
    #expect(form.hasPrefix("amount=\(stripe)&currency=\(code.lowercased())&"))
    let json = String(
      decoding: try AdyenGateway().authorize(Self.order(amount)).body,
      as: UTF8.self
    )
    #expect(json.contains(#"{"currency":"\#(code)","value":\#(adyen)}"#))
    // And back: the echoed amount is ours again.
    let body =
      #"{"id":"pi_1","object":"payment_intent","status":"requires_capture","amount":\#(stripe),"currency":"\#(code.lowercased())","metadata":{"reference":"ref1"}}"#
    let facts = OutcomeTests.facts(200, body)
    #expect(StripeGateway().read(facts, for: .authorize)?.echo?.amount == amount)
  }

  @Test func amountsTheGatewaysCannotSay() throws {
    let stripe = StripeGateway()
    func error(_ code: String, _ minor: Int64) -> ExpressionError? {
      do throws(ExpressionError) {
        guard let currency = Currency(code) else { return nil }
        _ = try stripe.authorize(Self.order(Amount(currency, minor: minor)))
        return nil
      } catch {
        return error
      }
    }
    #expect(error("KWD", 5_124) == .amountNotExpressible)
    #expect(error("MGA", 501) == .amountNotExpressible)
    #expect(error("EUR", 0) == .amountNotPositive)
    #expect(error("EUR", -1) == .amountNotPositive)
    #expect(error("EUR", 100_000_000) == .amountTooLarge)
    #expect(error("ISK", .max) == .amountTooLarge)
    #expect(throws: ExpressionError.amountNotExpressible) {
      try AdyenGateway().authorize(Self.order(Amount(#require(Currency("IDR")), minor: 701)))
    }
  }
}

struct AnswerTests {
  static func intent(_ status: String, _ more: String = "") -> String {
    #"{"id":"pi_1","object":"payment_intent","amount":4999,"currency":"eur","status":"\#(status)","metadata":{"reference":"ref1","n":null},"brand_new":{"a":[1]}\#(more)}"#
  }

  static func word(
    _ gateway: any Gateway,
    _ status: Int,
    _ body: String,
    _ purpose: SentRequest.Purpose
  ) -> String {
    OutcomeTests.word(
      OutcomeTests.outcome(
        gateway,
        OutcomeTests.facts(status, body),
        OutcomeTests.request(purpose)
      )
    )
  }

  @Test(arguments: [
    ("requires_capture", "", "authorized"),
    ("succeeded", #","amount_received":4999"#, "captured"),
    ("processing", "", "pending"),
    (
      "requires_action", #","next_action":{"redirect_to_url":{"url":"https://acs"}}"#, "action"
    ),
    ("canceled", "", "notExecuted"),
    (
      "requires_payment_method",
      #","last_payment_error":{"type":"card_error","code":"card_declined","decline_code":"lost_card"}"#,
      "declined never"
    ),
    ("requires_payment_method", "", "undecided"),
    ("requires_confirmation", "", "undecided"),
    ("status_of_next_year", "", "undecided"),
  ])
  func stripeStates(status: String, more: String, expected: String) {
    #expect(Self.word(StripeGateway(), 200, Self.intent(status, more), .authorize) == expected)
  }

  @Test func stripeDeclineCarriesItsObject() {
    let body =
      #"{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds","advice_code":"try_again_later","payment_intent":"#
      + Self.intent("requires_payment_method") + "}}"
    let outcome = OutcomeTests.outcome(StripeGateway(), OutcomeTests.facts(402, body))
    guard case .declined(let decline) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(decline.code == "insufficient_funds" && decline.class == .later)
    #expect(decline.gatewayReference == "pi_1")
  }

  /// A step that the payment's state forbids answers with that state.
  @Test func stripeUnexpectedStateIsALook() {
    let body =
      #"{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state","payment_intent":"#
      + Self.intent("succeeded", #","amount_received":4999"#) + "}}"
    #expect(Self.word(StripeGateway(), 400, body, .cancel) == "captured")
    #expect(Self.word(StripeGateway(), 400, body, .capture) == "captured")
    #expect(Self.word(StripeGateway(), 400, body, .authorize) == "declined never")
    #expect(Self.word(StripeGateway(), 200, Self.intent("canceled"), .cancel) == "canceled")
  }

  @Test func stripePartialCaptureIsComparedWithWhatWasCaptured() {
    var request = OutcomeTests.request(.capture)
    request.amount = Amount(.eur, minor: 3_000)
    let facts = OutcomeTests.facts(200, Self.intent("succeeded", #","amount_received":3000"#))
    #expect(
      OutcomeTests.outcome(StripeGateway(), facts, request)
        == .succeeded(Settled(kind: .captured, reference: "pi_1", amount: request.amount))
    )
    request.amount = Amount(.eur, minor: 2_000)
    #expect(
      OutcomeTests.word(OutcomeTests.outcome(StripeGateway(), facts, request)) == "conflicted"
    )
  }

  @Test func stripeRefunds() {
    func body(_ status: String) -> String {
      #"{"id":"re_1","object":"refund","amount":4999,"currency":"eur","status":"\#(status)","payment_intent":"pi_1","metadata":{"reference":"ref1"},"failure_reason":"lost_or_stolen_card"}"#
    }
    #expect(Self.word(StripeGateway(), 200, body("succeeded"), .refund) == "refunded")
    #expect(Self.word(StripeGateway(), 200, body("pending"), .refund) == "pending")
    #expect(Self.word(StripeGateway(), 200, body("failed"), .refund) == "declined never")
    #expect(Self.word(StripeGateway(), 200, body("new"), .refund) == "unreadable")
  }

  static func adyen(_ resultCode: String, _ more: String = "", value: Int = 4_999) -> String {
    #"{"pspReference":"P1","resultCode":"\#(resultCode)","amount":{"currency":"EUR","value":\#(value)},"merchantReference":"ref1","merchantAccount":"Main","additionalData":{"n":1,"refusalReasonRaw":"05 : Do not honor"},"brandNew":true\#(more)}"#
  }

  @Test(arguments: [
    ("Authorised", "", "authorized"), ("Pending", "", "pending"), ("Received", "", "pending"),
    ("PresentToShopper", "", "pending"),
    ("RedirectShopper", #","action":{"url":"https://acs"}"#, "action"),
    ("IdentifyShopper", "", "action"), ("ChallengeShopper", "", "action"),
    ("Refused", #","refusalReasonCode":"12""#, "declined later"),
    ("Refused", #","refusalReason":"FRAUD""#, "declined never"),
    ("Refused", #","refusalReasonCode":"9""#, "declined otherGateway"),
    ("Error", #","refusalReasonCode":"4""#, "declined otherGateway"),
    ("Cancelled", "", "declined later"), ("AuthenticationFinished", "", "undecided"),
    ("AuthenticationNotRequired", "", "undecided"), ("Success", "", "undecided"),
    ("NextYear", "", "undecided"),
  ])
  func adyenResultCodes(resultCode: String, more: String, expected: String) {
    #expect(Self.word(AdyenGateway(), 200, Self.adyen(resultCode, more), .authorize) == expected)
  }

  @Test func adyenChargesAndParts() {
    #expect(Self.word(AdyenGateway(), 200, Self.adyen("Authorised"), .charge) == "pending")
    #expect(
      Self.word(AdyenGateway(), 200, Self.adyen("PartiallyAuthorised", value: 1_000), .authorize)
        == "conflicted"
    )
  }

  @Test func adyenModificationsAreOnlyReceived() {
    let body =
      #"{"pspReference":"M1","paymentPspReference":"P1","status":"received","merchantAccount":"Main","reference":"tc1","amount":{"currency":"EUR","value":4999}}"#
    for purpose in [SentRequest.Purpose.capture, .cancel, .refund] {
      #expect(Self.word(AdyenGateway(), 201, body, purpose) == "received")
    }
    let other = body.replacingOccurrences(of: "Main", with: "Other")
    #expect(Self.word(AdyenGateway(), 201, other, .capture) == "conflicted")
    let odd = body.replacingOccurrences(of: "received", with: "settled")
    #expect(Self.word(AdyenGateway(), 201, odd, .capture) == "unreadable")
  }

  @Test func hugeBodiesAreUnreadable() {
    let padding = String(repeating: "x", count: 300_000)
    let body = Self.intent("succeeded", #","pad":"\#(padding)""#)
    #expect(Self.word(StripeGateway(), 200, body, .authorize) == "unreadable")
    let deep = String(repeating: "[", count: 100_000)
    #expect(Self.word(AdyenGateway(), 200, deep, .authorize) == "unreadable")
  }
}
