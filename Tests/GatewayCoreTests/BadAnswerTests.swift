import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// Whatever is wrong with an answer, it is never a success and never a decline.
struct BadAnswerTests {
  typealias Purpose = SentRequest.Purpose

  static func outcome(
    _ gateway: any Gateway, _ body: [UInt8], _ purpose: Purpose, status: Int = 200
  ) -> Outcome {
    let facts = TransferFacts(stage: .answered, requestSize: 500, status: status, body: body)
    let request = SentRequest(
      purpose: purpose, send: .first, amount: Sample.amount, account: "Main",
      ownReference: purpose == .capture && gateway.name == .adyen ? nil : "ref1",
      paymentReference: purpose == .authorize || purpose == .charge ? nil : "pi_1")
    return OutcomeRule.outcome(
      of: facts, gateway.read(facts, for: purpose), to: request, Sample.classify)
  }

  static func isUnknown(_ outcome: Outcome) -> Bool {
    if case .unknown = outcome { true } else { false }
  }

  static let bytes: [[UInt8]] = [
    [], Array("null".utf8), Array("[]".utf8), Array(#""ok""#.utf8), Array("200".utf8),
    Array("<html><body>It works!</body></html>".utf8), [0], [0xFF, 0xFE, 0x7B],
    Array(String(repeating: "[", count: 100_000).utf8),
    Array((String(repeating: #"{"a":"#, count: 100_000)).utf8),
  ]

  static func check(
    _ gateway: any Gateway, good: String, _ purpose: Purpose, _ changes: [(String, String)]
  ) {
    #expect(!isUnknown(outcome(gateway, Array(good.utf8), purpose)), "\(purpose): \(good)")
    for (text, other) in changes {
      #expect(good.contains(text), "\(text)")
      let bad = Array(good.replacing(text, with: other).utf8)
      let outcome = outcome(gateway, bad, purpose)
      #expect(isUnknown(outcome), "\(gateway.name) \(purpose) \(text) -> \(other): \(outcome)")
    }
    for length in stride(from: 0, to: good.utf8.count, by: 7) {
      #expect(isUnknown(outcome(gateway, Array(good.utf8.prefix(length)), purpose)))
    }
    let padded = good.dropLast() + #","pad":"\#(String(repeating: "x", count: 300_000))"}"#
    #expect(isUnknown(outcome(gateway, Array(padded.utf8), purpose)))
    let deep = good.dropLast() + #","deep":\#(String(repeating: "[", count: 5_000))1"#
      + String(repeating: "]", count: 5_000) + "}"
    #expect(isUnknown(outcome(gateway, Array(deep.utf8), purpose)))
    for body in bytes { #expect(isUnknown(outcome(gateway, body, purpose))) }
  }

  static let stripeChanges = [
    ("4999", "5000"), ("4999", "-4999"), ("4999", #""4999""#), ("4999", "49.99"),
    ("4999", "99999999999999999999"), ("4999", "1e400"), ("4999", "null"),
    (#""currency":"eur""#, #""currency":"usd""#), (#""currency":"eur""#, #""currency":"zzz""#),
    (#""currency":"eur","#, ""), ("ref1", "ref2"), (#""id":"#, #""ID":"#),
    (#""object":"payment_intent""#, #""object":"charge""#),
    (#""object":"payment_intent""#, #""object":"refund""#),
    (#""object":"payment_intent","#, ""),
  ]

  @Test func stripePayments() {
    let authorized = AnswerTests.intent("requires_capture")
    let captured = AnswerTests.intent("succeeded", #","amount_received":4999"#)
    let state = [
      (#""status":"requires_capture""#, #""status":"REQUIRES_CAPTURE""#),
      (#""status":"requires_capture""#, #""status":"authorized""#),
      (#""status":"requires_capture""#, #""status":7"#),
    ]
    let unnamed = [(#""metadata":{"reference":"ref1","n":null},"#, "")]
    Self.check(
      StripeGateway(), good: authorized, .authorize, Self.stripeChanges + state + unnamed)
    Self.check(
      StripeGateway(), good: captured, .charge,
      Self.stripeChanges + unnamed + [
        (#""amount_received":4999"#, #""amount_received":4998"#),
        (#","amount_received":4999"#, ""),
      ])
    let other = [(#""id":"pi_1""#, #""id":"pi_2""#)]
    Self.check(StripeGateway(), good: authorized, .look, Self.stripeChanges + state + other)
    Self.check(StripeGateway(), good: captured, .capture, Self.stripeChanges + other)
    Self.check(
      StripeGateway(), good: AnswerTests.intent("canceled"), .cancel, Self.stripeChanges + other)
  }

  @Test func stripeRefunds() {
    let refund =
      #"{"id":"re_1","object":"refund","amount":4999,"currency":"eur","status":"succeeded","payment_intent":"pi_1","metadata":{"reference":"ref1"}}"#
    let changes = Self.stripeChanges.filter { !$0.0.contains("payment_intent") } + [
      (#""object":"refund""#, #""object":"payment_intent""#),
      (#""object":"refund""#, #""object":"charge""#), ("pi_1", "pi_2"),
      ("succeeded", "done"), (#""status":"succeeded","#, ""),
    ]
    Self.check(StripeGateway(), good: refund, .refund, changes)
    Self.check(StripeGateway(), good: refund, .lookRefund, changes)
  }

  /// A decline that is about another payment, or in nobody's words, is none.
  @Test func stripeDeclines() {
    let decline =
      #"{"error":{"type":"card_error","code":"card_declined","payment_intent":"#
      + AnswerTests.intent("requires_payment_method") + "}}"
    func isUnknown(_ body: String, _ status: Int = 402) -> Bool {
      Self.isUnknown(Self.outcome(StripeGateway(), Array(body.utf8), .authorize, status: status))
    }
    #expect(!isUnknown(decline))
    for (text, other) in [
      ("4999", "5000"), ("ref1", "ref2"), (#""currency":"eur""#, #""currency":"zzz""#),
      (#""id":"pi_1","#, ""), (#""type":"card_error","#, ""),
    ] {
      #expect(decline.contains(text))
      #expect(isUnknown(decline.replacing(text, with: other)), "\(text)")
    }
    for status in [200, 301, 408, 424, 500, 502, 503, 504, 599] {
      for body in Self.bytes {
        #expect(
          Self.isUnknown(Self.outcome(StripeGateway(), body, .authorize, status: status)))
        #expect(Self.isUnknown(Self.outcome(AdyenGateway(), body, .authorize, status: status)))
      }
    }
  }

  static let adyenChanges = [
    ("4999", "5000"), ("4999", #""4999""#), ("4999", "99999999999999999999"),
    (#""currency":"EUR""#, #""currency":"USD""#), (#""currency":"EUR""#, #""currency":"ZZZ""#),
    (#""currency":"EUR""#, #""currency":"eur""#), (#""merchantAccount":"Main""#, #""merchantAccount":"Other""#),
    (#""pspReference":"#, #""PSPReference":"#),
  ]

  @Test func adyenPayments() {
    for purpose in [Purpose.authorize, .charge] {
      Self.check(
        AdyenGateway(), good: AnswerTests.adyen("Authorised"), purpose,
        Self.adyenChanges + [
          ("ref1", "ref2"), ("Authorised", "AUTHORISED"), ("Authorised", "Approved"),
          (#""resultCode":"Authorised""#, #""status":"received""#),
          (#""resultCode":"Authorised""#, #""resultCode":true"#),
        ])
    }
    Self.check(
      AdyenGateway(), good: AnswerTests.adyen("Refused", #","refusalReasonCode":"12""#),
      .authorize, Self.adyenChanges + [("ref1", "ref2"), ("Refused", "refused")])
    Self.check(
      AdyenGateway(), good: AnswerTests.adyen("Authorised").replacing("P1", with: "pi_1"), .details,
      Self.adyenChanges + [
        ("ref1", "ref2"), ("pi_1", "pi_2"), ("Authorised", "AUTHORISED"),
        (#""resultCode":"Authorised""#, #""status":"received""#),
      ])
  }

  @Test func adyenModifications() {
    let received =
      #"{"pspReference":"M1","paymentPspReference":"pi_1","status":"received","merchantAccount":"Main","reference":"tc1","amount":{"currency":"EUR","value":4999}}"#
    for purpose in [Purpose.capture, .cancel, .refund] {
      Self.check(
        AdyenGateway(), good: received, purpose,
        Self.adyenChanges + [
          (#""paymentPspReference":"pi_1""#, #""paymentPspReference":"pi_2""#),
          (#""status":"received""#, #""status":"done""#), (#""status":"received","#, ""),
          (#""status":"received""#, #""resultCode":"Authorised""#),
        ])
    }
  }

  /// An answer of one kind never answers a request of another.
  @Test func answersOfAnotherKind() {
    let payment = AnswerTests.intent("succeeded", #","amount_received":4999"#)
    let refund =
      #"{"id":"re_1","object":"refund","amount":4999,"currency":"eur","status":"succeeded","payment_intent":"pi_1","metadata":{"reference":"ref1"}}"#
    let received =
      #"{"pspReference":"M1","paymentPspReference":"pi_1","status":"received","merchantAccount":"Main"}"#
    let result = AnswerTests.adyen("Authorised")
    let setup =
      #"{"id":"seti_1","object":"setup_intent","status":"succeeded","metadata":{"reference":"ref1"}}"#
    let pairs: [(any Gateway, String, [Purpose])] = [
      (StripeGateway(), payment, [.refund, .lookRefund, .setup, .lookSetup]),
      (
        StripeGateway(), refund,
        [.authorize, .charge, .capture, .cancel, .look, .setup, .lookSetup]
      ),
      (StripeGateway(), setup, Purpose.allCases.filter { $0 != .setup && $0 != .lookSetup }),
      (AdyenGateway(), received, [.authorize, .charge, .details, .look, .lookRefund, .setup, .lookSetup]),
      (AdyenGateway(), result, [.refund, .lookRefund]),
    ]
    for (gateway, body, purposes) in pairs {
      for purpose in purposes {
        let outcome = Self.outcome(gateway, Array(body.utf8), purpose)
        #expect(Self.isUnknown(outcome), "\(gateway.name) \(purpose): \(outcome)")
      }
    }
  }
}
