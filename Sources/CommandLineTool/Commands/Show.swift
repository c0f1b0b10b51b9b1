import ArgumentParser
import Wire

/// A payment's timeline over the services.
struct Show: Command {
  static let configuration = CommandConfiguration(
    abstract: "Show what happened to a payment, over all services.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The payment: pi_…") var id: String
  @Option(help: "Its merchant; the demo merchant without it.") var merchant: String?

  struct Answer: Encodable {
    let id: String
    let status: String
    let amount: String
    let gateway: String
    let gatewayReference: String
    let timeline: [Timeline.Entry]
    let gaps: [String]
    /// What the gateways were asked and what follows from it, in words.
    let route: [String]
    let failure: String?
    let nextActionURL: String?
    let nextActionMethod: String?
    let resultParameter: String?
    /// What the payer's bank took back.
    let returned: String?
    let refunds: [Refund]
  }

  struct Refund: Encodable {
    let id: String
    let status: String
    let amount: String
    let reason: String?
    let gatewayReference: String
    let failure: String?
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    guard id.hasPrefix("pi_") else {
      throw Failure("\(id) is no payment", next: "give a pi_… id", status: .usage)
    }
    let (intent, refunds, timeline, route) = try await ServiceSession.with(try Checkout.find()) {
      session in
      let reads = Reads(
        session: session, merchant: try MerchantOption.resolve(merchant, session))
      return try await Self.collect(id, reads)
    }
    let answer = Answer(
      id: intent.id, status: WireText.status(intent.status),
      amount: WireText.money(intent.amount), gateway: intent.gateway,
      gatewayReference: intent.gatewayReference, timeline: timeline.sorted, gaps: timeline.gaps,
      route: route, failure: intent.failure.map { DeclineText.of($0) },
      nextActionURL: intent.nextAction?.redirectURL,
      nextActionMethod: intent.nextAction.map { WireText.word($0.method, "REDIRECT_METHOD_") },
      resultParameter: intent.nextAction?.resultParameter,
      returned: intent.amountReturnedMinor == 0
        ? nil
        : WireText.money(
          CommonV1.Money(
            currency: intent.amount?.currency ?? "", amountMinor: intent.amountReturnedMinor)),
      refunds: refunds.map(Refund.init(_:)))
    let action = NextActionText.lines(
      answer.id, answer.status, answer.nextActionURL, answer.nextActionMethod,
      answer.resultParameter)
    try output.result(answer) {
      [
        "\(answer.id)  \(answer.amount)  \(answer.status)  \(answer.gateway) "
          + answer.gatewayReference,
      ] + action + (answer.failure.map { ["failure   \($0)"] } ?? [])
        + (answer.returned.map { ["returned  \($0) by the payer's bank"] } ?? [])
        + answer.refunds.map(\.line) + [""] + route + (route.isEmpty ? [] : [""]) + timeline.lines
    }
    return .succeeded
  }

  /// A service that cannot be asked leaves a gap; without intents there is no answer.
  static func collect(
    _ id: String, _ reads: Reads
  ) async throws -> (IntentsV1.PaymentIntent, [IntentsV1.Refund], Timeline, [String]) {
    let (intent, changes) = try await reads.intent(id)
    let refunds = try await reads.refunds(of: id)
    var timeline = Timeline(start: intent.createdAt)
    timeline.add(changes)
    var route: [String] = []
    do {
      let operations = try await reads.operations(of: id)
      timeline.add(operations)
      route = RouteStory.lines(operations)
    } catch let error as CallFailure {
      timeline.addGap(error)
    }
    do { timeline.add(try await reads.transactions(about: id)) } catch let error as CallFailure {
      timeline.addGap(error)
    }
    do {
      timeline.add(try await reads.events(object: id).events)
      timeline.add(try await reads.deliveries(about: id))
      for refund in refunds {
        timeline.add(try await reads.events(object: refund.id).events)
        timeline.add(try await reads.deliveries(about: refund.id))
      }
    } catch let error as CallFailure {
      timeline.addGap(error)
    }
    return (intent, refunds, timeline, route)
  }
}

extension Show.Refund {
  init(_ refund: IntentsV1.Refund) {
    var status = WireText.word(refund.status, "REFUND_STATUS_")
    if refund.status == .pending {
      status += " (\(WireText.word(refund.pendingReason, "REFUND_PENDING_REASON_")))"
    }
    self.init(
      id: refund.id, status: status, amount: WireText.money(refund.amount),
      reason: refund.reason == .unspecified
        ? nil : WireText.word(refund.reason, "REFUND_REASON_"),
      gatewayReference: refund.gatewayReference,
      failure: refund.failure.map { DeclineText.of($0.code, .unspecified, $0.gatewayCode) })
  }

  var line: String {
    let notes = [status, reason ?? "", failure ?? "", gatewayReference].filter { !$0.isEmpty }
    return "refund    \(id)  \(amount)  \(notes.joined(separator: "  "))"
  }
}
