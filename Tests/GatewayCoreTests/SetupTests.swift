import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// What may become of a set-up, and what is asked next.
struct SetupMachineTests {
  static let id = SetupIntentID(bits: 7)

  static func settled(_ kind: Settled.Kind) -> SetupEvent {
    .outcome(.succeeded(Settled(kind: kind, reference: "seti_1", amount: Amount(.eur, minor: 0))))
  }

  static func word(_ setup: SetupIntent?) -> String {
    guard let setup else { return "same" }
    var words = [
      "\(setup.state)", setup.reference ?? "", setup.failure?.code ?? "",
      setup.failure?.gatewayCode ?? "",
    ]
    while words.last == "" { words.removeLast() }
    return words.joined(separator: " ")
  }

  static let table: [(SetupEvent, String)] = [
    (settled(.authorized), "succeeded seti_1"),
    (settled(.canceled), "canceled seti_1 canceled_at_gateway"),
    // Words about a payment decide nothing.
    (settled(.captured), "processing seti_1"), (settled(.refunded), "processing seti_1"),
    (settled(.received), "processing seti_1"),
    (.outcome(Sample.bankPending), "processing pi_1"),
    (.outcome(Sample.action), "failed pi_1 authentication_required"),
    (.outcome(Sample.declined(.later)), "failed pi_1 declined x"),
    (.outcome(Sample.declined(.never, origin: .request, reference: nil)), "failed  declined x"),
    (.outcome(Sample.unsent), "failed  not_executed"),
    // Silence and contradictions decide nothing.
    (.outcome(Sample.noAnswer), "same"), (.outcome(Sample.conflict), "same"),
    (.outcome(.unknown(.indeterminate(status: 500))), "same"),
    (.outcome(.unknown(.notFound)), "same"), (.outcome(.unknown(.keyReused)), "same"),
    (.outcome(.unknown(.undecided(reference: "seti_1"))), "processing seti_1"),
    (.refused(.methodNotFound), "failed  payment_method_not_found"),
    (.refused(.noGateway), "failed  no_gateway_available"),
    (.givenUp, "canceled  outcome_unknown"),
  ]

  @Test(arguments: table)
  func whatEventsDo(event: SetupEvent, expected: String) {
    #expect(Self.word(SetupMachine.next(SetupIntent(id: Self.id), event)) == expected)
  }

  /// Whatever comes later: also the success of what was given up.
  @Test func whatIsDecidedStaysDecided() {
    for state in SetupIntent.State.allCases where state != .processing {
      let setup = SetupIntent(id: Self.id, state: state, reference: "seti_1")
      for (event, _) in Self.table { #expect(SetupMachine.next(setup, event) == nil) }
    }
  }

  /// One sending was refused or never left, the other one may have acted.
  @Test(arguments: [
    (SetupEvent.outcome(Sample.unsent), "same"),
    (.outcome(Sample.declined(.never, origin: .request, reference: nil)), "same"),
    (.outcome(Sample.declined(.never)), "failed pi_1 declined x"),
    (settled(.authorized), "succeeded seti_1"),
  ])
  func whatWasRepeatedIsNotProvenByOneSending(event: SetupEvent, expected: String) {
    let setup = SetupIntent(id: Self.id, wasRepeated: true)
    #expect(Self.word(SetupMachine.next(setup, event)) == expected)
  }

  @Test func theSameKnowledgeAgainIsNoNews() {
    let setup = SetupIntent(id: Self.id, reference: "pi_1")
    #expect(SetupMachine.next(setup, .outcome(Sample.bankPending)) == nil)
  }

  @Test(arguments: [
    (nil, nil, 0, 0, SetupStep.begin), (nil, nil, 12, 0, .begin), (nil, nil, 13, 0, .refuse),
    (.stripe, nil, 0, 0, .replay), (.stripe, nil, 12, 82_799, .replay),
    (.stripe, nil, 13, 60, .giveUp),
    // The key is no longer surely remembered: never again under it.
    (.stripe, nil, 1, 82_800, .giveUp), (.adyen, nil, 1, 82_800, .replay),
    (.adyen, nil, 1, 601_200, .giveUp),
    (.stripe, "seti_1", 1, 999_999, .get(reference: "seti_1")), (.stripe, "seti_1", 13, 0, .giveUp),
    (.adyen, "P1", 1, 0, .wait), (.adyen, "P1", 13, 0, .giveUp),
  ] as [(GatewayName?, String?, Int, Int64, SetupStep)])
  func steps(
    gateway: GatewayName?, reference: String?, tries: Int, age: Int64, expected: SetupStep
  ) {
    let setup = SetupIntent(id: Self.id, reference: reference)
    #expect(SetupRule.step(for: setup, at: gateway, tries: tries, ageSeconds: age) == expected)
    for state in SetupIntent.State.allCases where state != .processing {
      let ended = SetupIntent(id: Self.id, state: state, reference: reference)
      #expect(SetupRule.step(for: ended, at: gateway, tries: tries, ageSeconds: age) == .done)
    }
  }
}

/// What the adapters send for a set-up, and how they read its answers.
struct SetupAdapterTests {
  static let order = SetupOrder(
    reference: .setup(SetupIntentID(bits: 7)), account: "Main", currency: .eur,
    methodReference: "pm_1", customerReference: "cus_1", metadata: ["tender_method": "tok_1"],
    returnURL: "https://shop.example/return")

  static func request(_ purpose: SentRequest.Purpose, _ send: Send = .first) -> SentRequest {
    SentRequest(
      purpose: purpose, send: send, amount: Amount(.eur, minor: 0), account: "Main",
      ownReference: order.reference.text)
  }

  static func word(
    _ gateway: any Gateway, _ status: Int, _ body: String,
    _ purpose: SentRequest.Purpose = .setup, _ send: Send = .first
  ) -> String {
    OutcomeTests.word(
      OutcomeTests.outcome(
        gateway, OutcomeTests.facts(status, body), request(purpose, send)))
  }

  static func stripe(_ status: String, _ more: String = "", reference: String? = nil) -> String {
    let own = reference ?? order.reference.text
    return
      #"{"id":"seti_1","object":"setup_intent","status":"\#(status)","metadata":{"reference":"\#(own)"}\#(more)}"#
  }

  @Test func stripeIsAskedOnceUnderItsKey() throws {
    let request = try StripeGateway().setUp(Self.order)
    let reference = Self.order.reference.text
    #expect(request.method == .post && request.path == "/v1/setup_intents")
    #expect(request.idempotencyKey == reference && reference.hasPrefix("ts"))
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "confirm=true&usage=off_session&payment_method=pm_1&payment_method_types%5B%5D=card"
        + "&customer=cus_1&return_url=https%3A%2F%2Fshop.example%2Freturn"
        + "&metadata%5Breference%5D=\(reference)&metadata%5Btender_method%5D=tok_1")
    #expect(try StripeGateway().get(setup: "seti_1")?.path == "/v1/setup_intents/seti_1")
    #expect(throws: ExpressionError.referenceMalformed) {
      try StripeGateway().get(setup: "seti_1/confirm")
    }
  }

  @Test func adyenIsAskedForAPaymentOfNothing() throws {
    let request = try AdyenGateway().setUp(Self.order)
    let body = String(decoding: request.body, as: UTF8.self)
    #expect(request.path == "/v71/payments" && request.idempotencyKey == Self.order.reference.text)
    for part in [
      #""amount":{"currency":"EUR","value":0}"#,
      // Nobody is there to answer a challenge, and what is stored need not be stored again.
      #""shopperInteraction":"ContAuth""#, #""recurringProcessingModel":"UnscheduledCardOnFile""#,
      #""shopperReference":"cus_1""#, #""reference":"\#(Self.order.reference.text)""#,
    ] { #expect(body.contains(part), "\(body)") }
    #expect(!body.contains("storePaymentMethod"))
    #expect(try AdyenGateway().get(setup: "P1") == nil)
  }

  @Test(arguments: [
    ("succeeded", "", "authorized"), ("processing", "", "pending"), ("requires_action", "", "action"),
    ("canceled", "", "canceled"), ("requires_payment_method", "", "undecided"),
    (
      "requires_payment_method",
      #","last_setup_error":{"type":"card_error","code":"card_declined","decline_code":"lost_card"}"#,
      "declined never"
    ),
    ("requires_confirmation", "", "undecided"), ("status_of_next_year", "", "undecided"),
  ])
  func stripeStates(status: String, more: String, expected: String) {
    for purpose in [SentRequest.Purpose.setup, .lookSetup] {
      #expect(Self.word(StripeGateway(), 200, Self.stripe(status, more), purpose) == expected)
    }
  }

  @Test func whatIsNotOursDecidesNothing() {
    let foreign = Self.stripe("succeeded", reference: "other")
    #expect(Self.word(StripeGateway(), 200, foreign) == "conflicted")
    let bare = #"{"id":"seti_1","object":"setup_intent","status":"succeeded","metadata":{}}"#
    #expect(Self.word(StripeGateway(), 200, bare) == "unreadable")
    let own = #""merchantReference":"\#(Self.order.reference.text)""#
    func adyen(_ value: Int, _ code: String) -> String {
      #"{"pspReference":"P1","resultCode":"\#(code)","amount":{"currency":"EUR","value":\#(value)},\#(own)}"#
    }
    #expect(Self.word(AdyenGateway(), 200, adyen(0, "Authorised")) == "authorized")
    // Money was held where none was asked for.
    #expect(Self.word(AdyenGateway(), 200, adyen(1, "Authorised")) == "conflicted")
    #expect(Self.word(AdyenGateway(), 200, adyen(0, "RedirectShopper")) == "action")
    #expect(Self.word(AdyenGateway(), 200, adyen(0, "Refused")) != "authorized")
  }

  @Test func aDeclineNamesTheSetUpAndAReplaySaysLess() {
    let body =
      #"{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds","setup_intent":"#
      + Self.stripe("requires_payment_method") + "}}"
    let outcome = OutcomeTests.outcome(
      StripeGateway(), OutcomeTests.facts(402, body), Self.request(.setup))
    guard case .declined(let decline) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(decline.code == "insufficient_funds" && decline.gatewayReference == "seti_1")
    // About another set-up, or about none: no decline of ours.
    func refusal(_ object: String) -> String {
      let error = #""type":"card_error","code":"card_declined","decline_code":"lost_card""#
      return Self.word(StripeGateway(), 402, #"{"error":{\#(error)\#(object)}}"#)
    }
    let foreign = Self.stripe("requires_payment_method", reference: "other")
    #expect(refusal(#","setup_intent":\#(foreign)"#) == "conflicted")
    #expect(refusal(#","setup_intent":{"id":"seti_1","object":"setup_intent"}"#) == "unreadable")
    #expect(refusal("") == "unreadable")
    // Refused before anything was done: a proof only of the first send.
    let limit = #"{"error":{"type":"invalid_request_error","code":"rate_limit"}}"#
    #expect(Self.word(StripeGateway(), 429, limit) == "notExecuted")
    #expect(Self.word(StripeGateway(), 429, limit, .setup, .replay) == "silent")
    #expect(Self.word(StripeGateway(), 429, limit, .lookSetup) == "silent")
  }
}
