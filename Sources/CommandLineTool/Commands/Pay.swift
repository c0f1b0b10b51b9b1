import ArgumentParser
import GRPCCore
import Money
import Wire

/// Makes one payment as the demo merchant.
struct Pay: Command {
  static let configuration = CommandConfiguration(
    abstract: "Make a payment: tender pay 49.99 EUR --method card_visa")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The amount: digits, a point, decimals.") var amount: String
  @Argument(help: "Its currency: three capital letters.") var currency: String
  @Option(help: "A registered method, by alias or tok_ id.") var method = "card_visa"
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?
  @Flag(help: "Only authorise; capture later.") var manualCapture = false
  @Option(help: "A text for your own records.") var description = ""
  @Option(help: "Where the payer comes back to when their bank asks them to authenticate (3DS).")
  var returnURL = ""

  struct Answer: Encodable {
    let id: String
    let status: String
    let processingReason: String?
    let amount: String
    let gateway: String
    let gatewayReference: String
    let failureCode: String?
    let failureKind: String?
    let declineClass: String?
    let gatewayCode: String?
    let failureText: String?
    /// Where the payer has to go; hand it to nobody else.
    let nextActionURL: String?
    let nextActionMethod: String?
    let resultParameter: String?
    let key: String
    let replayed: Bool
    let milliseconds: Int64
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let amount = try AmountArgument.parse(amount, currency)
    let key = try CallKeys.choose(key, prefix: "pay")
    let start = MonotonicClock.milliseconds
    let reply = try await ServiceSession.with(try Checkout.find()) { session in
      let request = IntentsV1.CreatePaymentIntentRequest(
        amount: CommonV1.Money(amount), captureMethod: manualCapture ? .manual : .automatic,
        paymentMethodID: try await MethodAlias.resolve(method, session), confirm: true,
        description: description, returnURL: returnURL)
      return try await output.whileWaiting("waiting for the gateway") {
        do {
          return try await PaymentCall.create(request, key: key, session)
        } catch let error as CallFailure where error.isWorthRepeating {
          throw error.repeatable(key, "it is charged at most once")
        }
      }
    }
    let milliseconds = MonotonicClock.milliseconds - start
    let answer = try Answer(reply, key: key, milliseconds: milliseconds)
    try output.result(answer) { answer.lines }
    return ExitStatus(reply.message.status)
  }
}

extension Pay.Answer {
  init(_ reply: Reply<IntentsV1.PaymentIntent>, key: String, milliseconds: Int64) throws {
    let intent = reply.message
    let isWaiting = intent.status == .processing
    self.init(
      id: intent.id, status: WireText.status(intent.status),
      processingReason: isWaiting
        ? WireText.word(intent.processingReason, "PROCESSING_REASON_") : nil,
      amount: WireText.money(intent.amount), gateway: intent.gateway,
      gatewayReference: intent.gatewayReference, failureCode: intent.failure?.code,
      failureKind: intent.failure.map { WireText.word($0.kind, "FAILURE_KIND_") },
      declineClass: intent.failure.map { WireText.word($0.declineClass, "DECLINE_CLASS_") },
      gatewayCode: intent.failure?.gatewayCode,
      failureText: intent.failure.map { DeclineText.of($0) },
      nextActionURL: intent.nextAction?.redirectURL,
      nextActionMethod: intent.nextAction.map { WireText.word($0.method, "REDIRECT_METHOD_") },
      resultParameter: intent.nextAction?.resultParameter, key: key,
      replayed: reply.isReplayed, milliseconds: milliseconds)
  }

  var lines: [String] {
    var state = status
    if let processingReason { state += " (\(processingReason))" }
    if let failureText { state += ", \(failureKind ?? ""): \(failureText)" }
    return [
      "\(id)  \(amount)  \(state)",
      gateway.isEmpty ? "gateway   none" : "gateway   \(gateway)  \(gatewayReference)",
    ] + NextActionText.lines(id, status, nextActionURL, nextActionMethod, resultParameter) + [
      "key       \(key)\(replayed ? "  (replayed: the first call's answer)" : "")",
      "\(milliseconds) ms; more: tender show \(id)",
    ]
  }
}

/// What is to be done about a payer who has something to do.
enum NextActionText {
  static func lines(
    _ id: String, _ status: String, _ url: String?, _ method: String?, _ parameter: String?
  ) -> [String] {
    guard status == "requires_action" else { return [] }
    guard let url else {
      return ["payer     has to act, but the gateway gave no address: the payment is given up"]
    }
    let how = method == "post" ? " (by a form: see --json)" : ""
    let then =
      parameter?.isEmpty ?? true
      ? "tender continue \(id)"
      : "tender continue \(id) --returned 'the address they come back to'"
    return ["payer     goes to\(how) \(url)", "then      \(then)"]
  }
}

extension ExitStatus {
  /// How a command that made a payment ends.
  init(_ status: IntentsV1.PaymentIntentStatus) {
    self =
      switch status {
      case .succeeded, .requiresCapture, .created: .succeeded
      case .failed, .canceled: .declined
      default: .processing
      }
  }
}

extension CallFailure {
  /// The same failure, with the key to repeat the call with.
  func repeatable(_ key: String, _ promise: String) -> Failure {
    let failure = failure
    let first = code == .unavailable ? "\(failure.nextStep); then " : ""
    return Failure(
      failure.message, next: "\(first)repeat it with --key \(key): \(promise)",
      status: failure.status)
  }
}
