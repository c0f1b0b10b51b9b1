import Foundation
import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// The payer's authentication: what they are asked, what they bring back, and what comes of it.
struct ActionTests {
  static let result = RedirectResult(Array("X6XtfGC3!Y+/==".utf8))

  static func asked(
    _ gateway: GatewayName, _ mode: Attempt.Mode = .authorizeOnly, _ more: [OperationEvent] = []
  ) -> GatewayCore.Operation {
    Sample.operation(
      .automatic,
      [Sample.start(Sample.first, gateway, mode), .outcome(Sample.first, Sample.action)] + more)
  }

  // MARK: What a gateway answers

  @Test(arguments: [
    ("https://acs.example/c?t=1#x", nil, [:], "GET 0"),
    ("http://127.0.0.1:4711/3ds/a", "GET", [:], "GET 0"),
    ("https://acs.example/c", "post", ["MD": "1", "PaReq": "a b"], "POST 2"),
    ("http://acs.example/c", nil, [:], "none"), ("https:///c", nil, [:], "none"),
    ("https://acs example/c", nil, [:], "none"), ("javascript:alert(1)", nil, [:], "none"),
    ("https://u:p@acs.example/", nil, [:], "none"), ("https://acs.example/", "PUT", [:], "none"),
    ("https://acs.example/", "GET", ["MD": "1"], "none"),
    ("https://acs.example/", "POST", ["": "1"], "none"), ("", nil, [:], "none"),
  ] as [(String, String?, [String: String], String)])
  func addresses(url: String, method: String?, data: [String: String], expected: String) {
    let action = PayerAction(answered: url, method: method, data: data)
    let word =
      action.redirectURL == nil ? "none" : "\(action.method.rawValue) \(action.fields.count)"
    #expect(word == expected)
    #expect(action.redirectURL == nil || action.redirectURL == url)
    #expect(action.fields.map(\.name) == action.fields.map(\.name).sorted())
  }

  @Test func addressesAreBounded() {
    let head = "https://acs.example/"
    func has(_ length: Int, _ data: [String: String] = [:]) -> Bool {
      let url = head + String(repeating: "a", count: length - head.utf8.count)
      return PayerAction(answered: url, method: data.isEmpty ? "GET" : "POST", data: data)
        .redirectURL != nil
    }
    #expect(has(PayerAction.bytesMax) && !has(PayerAction.bytesMax + 1))
    #expect(has(PayerAction.bytesMax - 3, ["a": "12"]) && !has(PayerAction.bytesMax - 3, ["a": "123"]))
    func fields(_ count: Int) -> [String: String] {
      Dictionary(uniqueKeysWithValues: (0..<count).map { ("f\($0)", "v") })
    }
    #expect(has(100, fields(PayerAction.fieldsMax)) && !has(100, fields(PayerAction.fieldsMax + 1)))
    #expect(!has(100, [String(repeating: "n", count: PayerAction.fieldNameBytesMax + 1): "v"]))
  }

  @Test func resultsAreVisibleASCII() {
    for good in ["a", "X6XtfGC3!Y...", String(repeating: "z", count: RedirectResult.bytesMax)] {
      #expect(RedirectResult(Array(good.utf8))?.text == good)
    }
    for bad in [
      "", " ", "a b", "a\n", "a\u{0}", "\u{e9}", String(repeating: "z", count: RedirectResult.bytesMax + 1),
    ] {
      #expect(RedirectResult(Array(bad.utf8)) == nil)
    }
    #expect(RedirectResult([0xFF]) == nil)
  }

  /// Neither of them is printed, also within what holds them.
  @Test func nothingOfThemIsPrinted() throws {
    let secret = "https://acs.example/s3cr3t"
    let action = PayerAction(answered: secret, method: "POST", data: ["MD": "s3cr3t"])
    let result = try #require(RedirectResult(Array("s3cr3t".utf8)))
    let pending = Pending(reference: "P", kind: .action(action))
    let operation = Self.asked(.adyen)
    let order = DetailsOrder(reference: .details(Sample.first, try: 1), result: result)
    var dumped = ""
    dump(action, to: &dumped)
    dump(result, to: &dumped)
    for text in [
      "\(action)", "\(result)", "\(pending)", "\(Outcome.pending(pending))", "\(pending.kind)",
      String(reflecting: action), String(reflecting: result), "\(order)", "\(operation)", dumped,
      "\(Optional(action) as Any)",
    ] {
      #expect(!text.contains("s3cr3t") && !text.contains("https://acs"), "\(text)")
    }
  }

  // MARK: Adapters

  @Test func adyenTakesWhatThePayerBringsBack() throws {
    let order = DetailsOrder(
      reference: .details(Sample.first, try: 2), result: try #require(Self.result))
    let request = try #require(try AdyenGateway().details(order))
    #expect(request.method == .post && request.path == "/v71/payments/details")
    #expect(request.hasMoneyEffect && request.idempotencyKey == order.reference.text)
    #expect(RequestTests.header(request, "idempotency-key") == order.reference.text)
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == #"{"details":{"redirectResult":"X6XtfGC3!Y+/=="}}"#)
    #expect(order.reference.text.hasPrefix("td") && order.reference.text.hasSuffix("2"))
    #expect(GatewayReference(order.reference.text)?.attemptID == Sample.first)
    #expect(try StripeGateway().details(order) == nil)
  }

  /// A redirect to the bank's page is what we can offer, and only where a payer is there.
  @Test func adyenIsAskedForRedirects() throws {
    func body(_ change: (inout AuthorizeOrder) -> Void) throws -> String {
      var order = RequestTests.order()
      change(&order)
      return String(decoding: try AdyenGateway().authorize(order).body, as: UTF8.self)
    }
    let asked = #""authenticationData":{"threeDSRequestData":{"nativeThreeDS":"disabled"}}"#
    #expect(try body { _ in }.contains(asked))
    #expect(try !body { $0.isOffSession = true }.contains("authenticationData"))
    #expect(try !body { $0.method = .sepaDebit }.contains("authenticationData"))
    #expect(try body { $0.returnURL = "https://a/b" }.contains(#""returnUrl":"https://a/b""#))
  }

  private static func action(_ gateway: any Gateway, _ body: String) -> PayerAction? {
    let outcome = OutcomeTests.outcome(gateway, OutcomeTests.facts(200, body))
    guard case .pending(let pending) = outcome, case .action(let action) = pending.kind else {
      return nil
    }
    return action
  }

  @Test func whatTheGatewaysAsk() {
    let stripe = Self.action(
      StripeGateway(),
      AnswerTests.intent(
        "requires_action",
        #","next_action":{"type":"redirect_to_url","redirect_to_url":{"url":"https://hooks.stripe.com/a","return_url":"https://b"}}"#
      ))
    #expect(stripe == PayerAction(redirectURL: "https://hooks.stripe.com/a"))
    let library = Self.action(
      StripeGateway(),
      AnswerTests.intent(
        "requires_action", #","next_action":{"type":"use_stripe_sdk","use_stripe_sdk":{}}"#))
    #expect(library == PayerAction(redirectURL: nil))
    let form = Self.action(
      AdyenGateway(),
      AnswerTests.adyen(
        "RedirectShopper",
        #","action":{"type":"redirect","method":"POST","url":"https://acs","data":{"PaReq":"p","MD":"m"}}"#))
    #expect(
      form
        == PayerAction(
          redirectURL: "https://acs", method: .post, fields: [.init("MD", "m"), .init("PaReq", "p")]))
    let native = Self.action(
      AdyenGateway(),
      AnswerTests.adyen("IdentifyShopper", #","action":{"type":"threeDS2","url":"https://acs"}"#))
    #expect(native == PayerAction(redirectURL: nil))
  }

  /// Adyen may name a payment only when its payer has acted; nothing else may come without a name.
  @Test func aPaymentMayHaveNoNameBeforeItsPayerActs() {
    func outcome(_ body: String) -> Outcome {
      OutcomeTests.outcome(
        AdyenGateway(), OutcomeTests.facts(200, body.replacing(#""pspReference":"P1","#, with: "")))
    }
    let asked = outcome(
      AnswerTests.adyen("RedirectShopper", #","action":{"type":"redirect","url":"https://acs"}"#))
    #expect(asked.reference == nil)
    #expect(OutcomeTests.word(asked) == "action")
    #expect(OutcomeTests.word(outcome(AnswerTests.adyen("Authorised"))) == "unreadable")
    #expect(OutcomeTests.word(outcome(AnswerTests.adyen("Received"))) == "unreadable")
  }

  /// Amount, reference, account and payment of the answer are compared as of any other.
  @Test(arguments: [
    ("", "", "authorized"), ("4999", "5000", "conflicted"), ("EUR", "USD", "conflicted"),
    ("ref1", "ref2", "conflicted"), ("Main", "Other", "conflicted"), ("P1", "P2", "conflicted"),
    ("Authorised", "Refused", "declined later"), ("Authorised", "RedirectShopper", "action"),
    ("Authorised", "Next", "undecided"),
  ])
  func answersAreCompared(text: String, other: String, expected: String) {
    var body = AnswerTests.adyen("Authorised")
    if !text.isEmpty { body = body.replacing(text, with: other) }
    let request = SentRequest(
      purpose: .details, send: .first, amount: Sample.amount, account: "Main",
      ownReference: "ref1", paymentReference: "P1")
    let outcome = OutcomeTests.outcome(AdyenGateway(), OutcomeTests.facts(200, body), request)
    #expect(OutcomeTests.word(outcome) == expected)
  }

  /// A result names its payment by itself: an answer that does not say whose it is decides nothing.
  @Test(arguments: [
    ("Authorised", "merchantReference", "unreadable"), ("Authorised", "amount", "unreadable"),
    ("Refused", "merchantReference", "unreadable"), ("Received", "merchantReference", "unreadable"),
    ("Refused", "amount", "declined later"), ("RedirectShopper", "merchantReference", "action"),
  ])
  func anAnswerThatNamesNoPaymentDecidesNothing(code: String, missing: String, expected: String) {
    let body = AnswerTests.adyen(code).replacing("\"\(missing)\"", with: "\"other\"")
    let request = SentRequest(
      purpose: .details, send: .first, amount: Sample.amount, account: "Main", ownReference: "ref1")
    let outcome = OutcomeTests.outcome(AdyenGateway(), OutcomeTests.facts(200, body), request)
    #expect(OutcomeTests.word(outcome) == expected)
  }

  /// Used before, as Adyen says it: no news, and no proof of anything.
  @Test func aSecondUseSaysNothing() {
    let request = SentRequest(
      purpose: .details, send: .first, amount: Sample.amount, account: "Main",
      ownReference: "ref1")
    let facts = OutcomeTests.facts(422, OutcomeTests.adyenError("704"))
    #expect(OutcomeTests.outcome(AdyenGateway(), facts, request) == .unknown(.inFlight))
  }

  // MARK: Rules

  @Test(arguments: [
    (GatewayName.stripe, false, true, "look"), (.stripe, true, false, "look"),
    (.adyen, true, true, "submit"), (.adyen, false, true, "nothing"), (.adyen, true, false, "nothing"),
  ])
  func whatAReturnAsksFor(gateway: GatewayName, hasResult: Bool, maySubmit: Bool, expected: String) {
    func word(_ operation: GatewayCore.Operation) -> String {
      switch ActionRule.step(in: operation, hasResult: hasResult, maySubmit: maySubmit) {
      case .look: "look"
      case .submit: "submit"
      case .nothing: "nothing"
      }
    }
    #expect(word(Self.asked(gateway)) == expected)
    // Handed over before, whatever came of it; decided; given up; never asked.
    for events in [
      [OperationEvent.submitAction(Sample.first)],
      [.submitAction(Sample.first), .actionOutcome(Sample.first, Sample.noAnswer)],
    ] where gateway == .adyen {
      #expect(word(Self.asked(gateway, .authorizeOnly, events)) == "nothing")
    }
    for events in [
      [OperationEvent.outcome(Sample.first, Sample.settled(.authorized))],
      [.close(.gaveUp, onlyIfUnsent: false)], [.close(.canceled, onlyIfUnsent: false)],
      [.outcome(Sample.first, Sample.bankPending)],
    ] {
      #expect(word(Self.asked(gateway, .authorizeOnly, events)) == "nothing")
    }
  }

  /// The first one's outcome was unknown when the second one began, and both ask their payer: what the
  /// return carries is for the one that needs it, and without it the other one is asked.
  @Test func whatIsBroughtTellsWhoAsked() {
    for (first, second) in [(GatewayName.stripe, GatewayName.adyen), (.adyen, .stripe)] {
      let operation = Sample.operation(
        .automatic,
        [
          Sample.start(Sample.first, first), .outcome(Sample.first, Sample.noAnswer),
          Sample.start(Sample.second, second, speculative: true),
          .outcome(Sample.first, Sample.action), .outcome(Sample.second, Sample.action),
        ])
      let ids = [first: Sample.first, second: Sample.second]
      func step(hasResult: Bool) -> ActionStep {
        ActionRule.step(in: operation, hasResult: hasResult, maySubmit: true)
      }
      #expect(ids[.adyen].map(ActionStep.submit) == step(hasResult: true))
      #expect(ids[.stripe].map(ActionStep.look) == step(hasResult: false))
    }
  }

  /// Whatever a gateway answers to a payer's result, no call goes on to another gateway.
  @Test func nothingIsFailedOver() {
    var situation = FailoverSituation(hasNext: true)
    situation.allowsSpeculation = true
    for events in [
      [], [OperationEvent.submitAction(Sample.first)],
      [.submitAction(Sample.first), .actionOutcome(Sample.first, Sample.noAnswer)],
      [.submitAction(Sample.first), .actionOutcome(Sample.first, Sample.unsent)],
    ] {
      let operation = Self.asked(.adyen, .authorizeOnly, events)
      #expect(FailoverRule.step(about: Sample.first, in: operation, situation) == .answer)
      let other = Sample.start(Sample.second, .stripe, speculative: true)
      #expect(OperationMachine.next(operation, other) == .refused(.attemptUnderway))
    }
  }

  /// Once for each number, and a number for each result that was proven without effect.
  @Test func triesAreCountedAndBounded() {
    var operation = Self.asked(.adyen)
    for number in 1...Attempt.actionTriesMax {
      guard case .moved(let next, _) = OperationMachine.next(operation, .submitAction(Sample.first))
      else {
        Issue.record("try \(number)")
        return
      }
      #expect(next.attempts[0].attempt.actionTries == number)
      #expect(OperationMachine.next(next, .submitAction(Sample.first)) == .refused(.noAction))
      guard
        case .moved(let again, _) = OperationMachine.next(
          next, .actionOutcome(Sample.first, Sample.unsent))
      else {
        Issue.record("answer \(number)")
        return
      }
      #expect(again.attempts[0].attempt.evidence == .requiresAction)
      #expect(again.attempts[0].attempt.action == operation.attempts[0].attempt.action)
      operation = again
    }
    #expect(
      OperationMachine.next(operation, .submitAction(Sample.first)) == .refused(.tooManyResults))
  }

  /// With capture at once the answer tells only that the bank has it.
  @Test func aChargeIsNotThereYet() {
    let submitted = Self.asked(.adyen, .charge, [.submitAction(Sample.first)])
    guard
      case .moved(let next, _) = OperationMachine.next(
        submitted, .actionOutcome(Sample.first, Sample.settled(.authorized)))
    else {
      Issue.record("nothing moved")
      return
    }
    #expect(next.state == .open && next.attempts[0].attempt.evidence == .pending)
  }

  /// A late answer of a payment that a notification has decided is no look at its capture.
  @Test func aLateAnswerRepeatsNoCapture() {
    let capture = CaptureID(bits: Sample.operationID.bits)
    let captured = Self.asked(
      .adyen, .authorizeOnly,
      [
        .submitAction(Sample.first), .outcome(Sample.first, Sample.settled(.authorized)),
        .captureOutcome(capture, Sample.noAnswer),
      ])
    let late = OperationEvent.actionOutcome(Sample.first, Sample.settled(.authorized))
    #expect(OperationMachine.next(captured, late) == .unchanged)
  }

  /// After giving up: what it took after all is given back, and its refusal alone proves nothing.
  @Test func aLateAnswerOfAGivenUpOperationIsGivenBack() {
    let closed = Self.asked(
      .adyen, .authorizeOnly,
      [.submitAction(Sample.first), .close(.gaveUp, onlyIfUnsent: false)])
    guard
      case .moved(let next, let actions) = OperationMachine.next(
        closed, .actionOutcome(Sample.first, Sample.settled(.authorized)))
    else {
      Issue.record("nothing moved")
      return
    }
    #expect(next.state == .closed && actions.contains(.ensureReversal(Sample.first)))
    for outcome in [Sample.unsent, Sample.declined(.never, origin: .request), Sample.action] {
      #expect(
        OperationMachine.next(closed, .actionOutcome(Sample.first, outcome)) == .unchanged)
    }
  }
}
