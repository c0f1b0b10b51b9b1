import ArgumentParser
import Money
import Wire

/// Gives money of a payment back, as the demo merchant.
struct RefundCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "refund",
    abstract: "Refund a payment, in full or in part: tender refund pi_… 10.00 EUR")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The payment: pi_…") var id: String
  @Argument(help: "The amount and its currency; without it all that is refundable.")
  var amount: [String] = []
  @Option(help: "requested_by_customer, duplicate or fraudulent.") var reason: Reason?
  @Flag(help: "Refund a SEPA debit whose payer may still have the bank take it back as well.")
  var acceptReturnRisk = false
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?

  enum Reason: String, ExpressibleByArgument, CaseIterable {
    case requestedByCustomer = "requested_by_customer"
    case duplicate
    case fraudulent

    var wire: IntentsV1.RefundReason {
      switch self {
      case .requestedByCustomer: .requestedByCustomer
      case .duplicate: .duplicate
      case .fraudulent: .fraudulent
      }
    }
  }

  struct Answer: Encodable {
    let id: String
    let paymentIntentID: String
    let status: String
    let pendingReason: String?
    let amount: String
    let gateway: String
    let gatewayReference: String
    let failureCode: String?
    let gatewayCode: String?
    let key: String
    let replayed: Bool
    let milliseconds: Int64
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    guard id.hasPrefix("pi_") else {
      throw Failure("\(id) is no payment", next: "give a pi_… id", status: .usage)
    }
    let amount = amount.isEmpty ? nil : try AmountArgument.parse(amount)
    let key = try CallKeys.choose(key, prefix: "refund")
    let request = IntentsV1.CreateRefundRequest(
      paymentIntentID: id, amount: amount.map(CommonV1.Money.init),
      reason: reason?.wire ?? .unspecified, acceptReturnRisk: acceptReturnRisk)
    let start = MonotonicClock.milliseconds
    let reply = try await ServiceSession.with(try Checkout.find()) { session in
      try await output.whileWaiting("waiting for the gateway") {
        do {
          return try await RefundCall.create(request, key: key, session)
        } catch let error as CallFailure where error.isWorthRepeating {
          throw error.repeatable(key, "it is refunded at most once")
        }
      }
    }
    let answer = Answer(reply, key: key, milliseconds: MonotonicClock.milliseconds - start)
    try output.result(answer) { answer.lines }
    return ExitStatus(reply.message.status)
  }
}

extension RefundCommand.Answer {
  init(_ reply: Reply<IntentsV1.Refund>, key: String, milliseconds: Int64) {
    let refund = reply.message
    self.init(
      id: refund.id, paymentIntentID: refund.paymentIntentID,
      status: WireText.word(refund.status, "REFUND_STATUS_"),
      pendingReason: refund.status == .pending
        ? WireText.word(refund.pendingReason, "REFUND_PENDING_REASON_") : nil,
      amount: WireText.money(refund.amount), gateway: refund.gateway,
      gatewayReference: refund.gatewayReference, failureCode: refund.failure?.code,
      gatewayCode: refund.failure?.gatewayCode, key: key, replayed: reply.isReplayed,
      milliseconds: milliseconds)
  }

  var lines: [String] {
    var state = status
    if let pendingReason { state += " (\(pendingReason))" }
    if let failureCode { state += ": \(DeclineText.of(failureCode, .unspecified, gatewayCode ?? ""))" }
    return [
      "\(id)  \(amount)  \(state)", "gateway   \(gateway)  \(gatewayReference)",
      "key       \(key)\(replayed ? "  (replayed: the first call's answer)" : "")",
      "\(milliseconds) ms; more: tender show \(paymentIntentID)",
    ]
  }
}

extension ExitStatus {
  /// How a command that made a refund ends.
  init(_ status: IntentsV1.RefundStatus) {
    self =
      switch status {
      case .succeeded: .succeeded
      case .failed: .declined
      case .pending, .unspecified, .unrecognized: .processing
      }
  }
}
