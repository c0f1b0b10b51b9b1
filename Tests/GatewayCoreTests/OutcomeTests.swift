import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

struct OutcomeTests {
  static func facts(
    _ status: Int,
    _ body: String,
    headers: [String: String] = [:]
  ) -> TransferFacts {
    TransferFacts(
      stage: .answered,
      requestSize: 500,
      status: status,
      headers: headers,
      body: Array(body.utf8)
    )
  }

  static func request(
    _ purpose: SentRequest.Purpose = .authorize,
    send: Send = .first
  ) -> SentRequest {
    SentRequest(
      purpose: purpose,
      send: send,
      amount: Sample.amount,
      account: "Main",
      ownReference: "ref1"
    )
  }

  static func outcome(
    _ gateway: any Gateway,
    _ facts: TransferFacts,
    _ request: SentRequest = request()
  ) -> Outcome {
    OutcomeRule.outcome(
      of: facts,
      gateway.read(facts, for: request.purpose),
      to: request,
      Sample.classify
    )
  }

  /// The proof is the number of request bytes over the whole transfer, never the stage alone.
  @Test(arguments: TransferFacts.Stage.allCases, [0, 145, 290])
  func onlyWhatNeverWroteAByteIsNotExecuted(stage: TransferFacts.Stage, requestSize: Int) {
    let facts = TransferFacts(stage: stage, requestSize: requestSize)
    let isProof = stage < .sending && requestSize == 0
    for send in [Send.first, .replay] {
      let outcome = Self.outcome(StripeGateway(), facts, Self.request(send: send))
      if isProof && send == .first {
        guard case .notExecuted = outcome else {
          Issue.record("\(stage) \(requestSize): \(outcome)")
          continue
        }
      } else {
        #expect(outcome == .unknown(.noAnswer(stage)))
      }
    }
  }

  /// A look or a cancel that fails is no news about the payment: not a proof, not a decline.
  @Test(arguments: [SentRequest.Purpose.look, .cancel])
  func failedLooksAndCancelsSayNothing(purpose: SentRequest.Purpose) {
    let request = Self.request(purpose)
    let gateways: [any Gateway] = [StripeGateway(), AdyenGateway()]
    for gateway in gateways {
      let unsent = TransferFacts(stage: .connecting, requestSize: 0)
      #expect(Self.outcome(gateway, unsent, request) == .unknown(.noAnswer(.connecting)))
      for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
        let body =
          gateway.name == .stripe
          ? Self.stripeError("invalid_request_error")
          : Self.adyenError("100")
        guard case .unknown = Self.outcome(gateway, Self.facts(status, body), request) else {
          Issue.record("\(gateway.name) \(status)")
          continue
        }
      }
    }
  }

  @Test func aCutAnswerIsUnknown() {
    var facts = Self.facts(200, #"{"id":"pi_1","object":"payment_intent","status":"succeeded"}"#)
    facts.isTruncated = true
    #expect(Self.outcome(StripeGateway(), facts) == .unknown(.noAnswer(.answered)))
    facts.isTruncated = false
    facts.stage = .answering
    #expect(Self.outcome(StripeGateway(), facts) == .unknown(.noAnswer(.answering)))
  }

  struct Row: Sendable {
    let status: Int
    let body: String
    var headers: [String: String] = [:]
    let first: String
    let replay: String
  }

  static let html = "<html><body>Bad gateway</body></html>"

  static func stripeError(_ type: String, _ code: String = "c") -> String {
    #"{"error":{"type":"\#(type)","code":"\#(code)","new_field":[1]}}"#
  }

  @Test(arguments: [
    Row(
      status: 429,
      body: stripeError("invalid_request_error", "rate_limit"),
      first: "notExecuted",
      replay: "silent"
    ),
    Row(status: 429, body: html, first: "foreignError", replay: "foreignError"),
    Row(status: 429, body: "", first: "foreignError", replay: "foreignError"),
    Row(status: 503, body: stripeError("api_error"), first: "notExecuted", replay: "silent"),
    Row(status: 503, body: html, first: "foreignError", replay: "foreignError"),
    Row(
      status: 500,
      body: stripeError("api_error"),
      first: "indeterminate",
      replay: "indeterminate"
    ),
    Row(status: 502, body: html, first: "foreignError", replay: "foreignError"),
    Row(
      status: 504,
      body: stripeError("api_error"),
      first: "indeterminate",
      replay: "indeterminate"
    ),
    Row(
      status: 424,
      body: stripeError("api_error"),
      first: "indeterminate",
      replay: "indeterminate"
    ),
    Row(
      status: 409,
      body: stripeError("invalid_request_error", "idempotency_key_in_use"),
      first: "inFlight",
      replay: "inFlight"
    ),
    Row(
      status: 429,
      body: stripeError("invalid_request_error", "lock_timeout"),
      first: "inFlight",
      replay: "inFlight"
    ),
    Row(
      status: 400,
      body: stripeError("idempotency_error"),
      first: "keyReused",
      replay: "keyReused"
    ),
    Row(
      status: 400,
      body: stripeError("invalid_request_error", "parameter_invalid"),
      first: "declined never",
      replay: "silent"
    ),
    Row(
      status: 401,
      body: stripeError("invalid_request_error"),
      first: "declined otherGateway",
      replay: "silent"
    ),
    Row(
      status: 404,
      body: stripeError("invalid_request_error", "resource_missing"),
      first: "notFound",
      replay: "notFound"
    ),
    Row(
      status: 402,
      body: stripeError("card_error", "card_declined"),
      first: "declined later",
      replay: "declined later"
    ),
    Row(status: 200, body: "{", first: "unreadable", replay: "unreadable"),
    Row(status: 200, body: "[]", first: "unreadable", replay: "unreadable"),
    Row(
      status: 200,
      body: #"{"object":"payment_intent"}"#,
      first: "unreadable",
      replay: "unreadable"
    ),
    Row(
      status: 200,
      body: #"{"object":"charge","id":"ch_1"}"#,
      first: "unreadable",
      replay: "unreadable"
    ),
    Row(status: 302, body: "", first: "foreignError", replay: "foreignError"),
  ])
  func stripeErrors(row: Row) {
    check(StripeGateway(), row)
  }

  static func adyenError(_ code: String, _ type: String = "validation") -> String {
    #"{"status":422,"errorCode":"\#(code)","message":"m","errorType":"\#(type)","pspReference":"P"}"#
  }

  @Test(arguments: [
    Row(status: 422, body: adyenError("704"), first: "inFlight", replay: "inFlight"),
    Row(status: 409, body: adyenError("704"), first: "inFlight", replay: "inFlight"),
    Row(status: 503, body: adyenError("703"), first: "notExecuted", replay: "silent"),
    Row(status: 503, body: html, first: "foreignError", replay: "foreignError"),
    Row(
      status: 500,
      body: adyenError("000", "internal"),
      headers: ["transient-error": "true"],
      first: "inFlight",
      replay: "inFlight"
    ),
    Row(
      status: 500,
      body: adyenError("905", "internal"),
      first: "indeterminate",
      replay: "indeterminate"
    ),
    Row(status: 502, body: html, first: "foreignError", replay: "foreignError"),
    Row(status: 429, body: adyenError("429"), first: "notExecuted", replay: "silent"),
    Row(
      status: 401,
      body: adyenError("000", "security"),
      first: "declined otherGateway",
      replay: "silent"
    ),
    Row(
      status: 403,
      body: adyenError("901", "security"),
      first: "declined otherGateway",
      replay: "silent"
    ),
    Row(status: 422, body: adyenError("130"), first: "declined never", replay: "silent"),
    Row(status: 200, body: "{}", first: "unreadable", replay: "unreadable"),
    Row(status: 200, body: html, first: "unreadable", replay: "unreadable"),
  ])
  func adyenErrors(row: Row) {
    check(AdyenGateway(), row)
  }

  private func check(_ gateway: any Gateway, _ row: Row) {
    let facts = Self.facts(row.status, row.body, headers: row.headers)
    #expect(Self.word(Self.outcome(gateway, facts, Self.request(send: .first))) == row.first)
    #expect(Self.word(Self.outcome(gateway, facts, Self.request(send: .replay))) == row.replay)
  }

  static func word(_ outcome: Outcome) -> String {
    switch outcome {
    case .succeeded(let settled): return "\(settled.kind)"
    case .pending(let pending): return pending.kind == .bank ? "pending" : "action"
    case .declined(let decline): return "declined \(decline.class)"
    case .notExecuted: return "notExecuted"
    case .unknown(let reason):
      return String("\(reason)".prefix { $0 != "(" })
    }
  }

  @Test func conflictsInEveryEchoedValue() {
    func echo(_ echo: Echo) -> Outcome {
      OutcomeRule.outcome(
        .payment(PaymentAnswer(echo: echo, state: .authorized)),
        to: Self.request(),
        Sample.classify
      )
    }
    let good = Echo(
      reference: "P",
      amount: Sample.amount,
      account: "Main",
      ownReference: "ref1"
    )
    #expect(Self.word(echo(good)) == "authorized")
    #expect(Self.word(echo(Echo(reference: "P"))) == "authorized")
    var wrong = good
    wrong.amount = Amount(.usd, minor: 4_999)
    #expect(Self.word(echo(wrong)) == "conflicted")
    wrong = good
    wrong.account = "Other"
    #expect(echo(wrong) == .unknown(.conflicted(.account(asked: "Main", answered: "Other"))))
    wrong = good
    wrong.ownReference = "ref2"
    #expect(Self.word(echo(wrong)) == "conflicted")
    wrong = good
    wrong.reference = nil
    #expect(Self.word(echo(wrong)) == "unreadable")
  }

  @Test func theStricterVoiceCounts() {
    func decline(_ signal: DeclineSignal) -> DeclineClass { Sample.classify(signal).class }
    #expect(decline(DeclineSignal(source: .stripe, code: "insufficient_funds")) == .later)
    #expect(decline(DeclineSignal(source: .stripe, code: "processing_error")) == .otherGateway)
    #expect(decline(DeclineSignal(source: .stripe, code: "brand_new_code")) == .later)
    #expect(
      decline(DeclineSignal(source: .stripe, code: "processing_error", networkCode: "43")) == .never
    )
    #expect(
      decline(DeclineSignal(source: .adyen, code: "9", networkAdviceCode: "03")) == .never
    )
    #expect(
      decline(
        DeclineSignal(source: .stripe, code: "do_not_honor", advice: "confirm_card_data")
      )
        == .fixData
    )
    #expect(
      decline(DeclineSignal(source: .stripe, code: "do_not_honor", advice: "do_not_try_again"))
        == .never
    )
    #expect(decline(DeclineSignal(source: .adyen, code: "12")) == .later)
    #expect(decline(DeclineSignal(source: .adyen, code: "38")) == .stepUp)
    #expect(decline(DeclineSignal(source: .adyen, code: "46")) == .never)
    #expect(DeclineTable.current.adyen.values.allSatisfy { !$0.code.isEmpty })
  }
}
