import Faults
import GatewayAdapters
import GatewayCore
import Money
import Outbound
import Reactor
import Seal
import ServiceKit

/// The way out to the gateways: orders become requests, requests become transfers, and their facts
/// become outcomes by rule. Nothing here decides.
final class GatewayPorts: Sendable {
  /// A send takes at most this long, whatever is left of the budget: beyond it the payer is better
  /// served by a look.
  static let sendLimit = Duration.milliseconds(2_000)
  /// The largest answer read.
  static let answerBytesMax = 256 * 1024

  /// What came of one request.
  struct Heard: Sendable {
    var outcome: Outcome
    /// In words, for people.
    var detail: String
    var milliseconds: Int32
    /// How the gateway did technically; nil when it was not asked.
    var contact: Breaker.Result?
    /// A search was read to its end and does not hold the payment.
    var isAbsent = false
  }

  let client: HTTPClient
  let accounts: [GatewayAccount: GatewayAccountSettings]
  let breakers: GatewayBreakers
  let limits: GatewayLimits
  let routing: RoutingWatch
  private let metrics: GatewayMetrics
  let adapters: [GatewayName: any Gateway]
  let loop: EventLoop
  let returnURL: String
  /// In the settings' order.
  let order: [GatewayAccount]

  init(_ environment: ServiceEnvironment) throws {
    let settings = try GatewayAccountSettings.read(environment.settings.config)
    order = settings.map(\.account)
    accounts = Dictionary(settings.map { ($0.account, $0) }) { first, _ in first }
    guard let table = RoutingTable(settingsOrder: settings.map(\.account)) else {
      throw SettingsError("`gateways.priority` is empty: name at least one gateway.")
    }
    breakers = GatewayBreakers(environment, settings.map(\.account))
    limits = try GatewayLimits(environment)
    routing = try RoutingWatch(environment, table, breakers)
    metrics = GatewayMetrics(environment.metrics)
    adapters = [.stripe: StripeGateway(), .adyen: AdyenGateway()]
    loop = environment.loop
    returnURL = try GatewayAccountSettings.returnURL(environment.settings.config)
    client = try HTTPClient(loop: environment.loop, resolver: try Resolver(loop: environment.loop))
  }

  func shutdown() async {
    await routing.shutdown()
    await client.shutdown()
  }

  // MARK: Orders

  func authorize(
    _ record: OperationRecord, _ attempt: Attempt, _ method: ResolvedMethod, _ send: Send,
    within limit: Duration
  ) async -> Heard {
    #if TENDER_FAULTS
      let mode = Sabotage.automaticCapture.isOn ? .charge : attempt.mode
    #else
      let mode = attempt.mode
    #endif
    let order = AuthorizeOrder(
      reference: .authorize(attempt.id), account: attempt.account, amount: record.operation.amount,
      mode: mode, method: method.kind,
      methodReference: method.reference(at: attempt.gateway),
      customerReference: method.customer(at: attempt.gateway).nonEmpty,
      isOffSession: record.offSession,
      statementDescriptor: record.statementDescriptor.nonEmpty,
      metadata: AuthorizeOrder.metadata(
        intent: record.intent, operation: record.id, keyProof: Hex.encode(record.keyProof),
        merchant: record.merchant, paymentMethod: record.paymentMethod,
        captureMethod: record.operation.captureMethod, isOffSession: record.offSession,
        sequence: attempt.sequence),
      returnURL: record.returnURL ?? returnURL)
    let sent = SentRequest(
      purpose: attempt.mode == .charge ? .charge : .authorize, send: send,
      amount: record.operation.amount, account: attempt.account,
      ownReference: order.reference.text)
    let account = GatewayAccount(gateway: attempt.gateway, account: attempt.account)
    guard send == .first else {
      return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
        try adapter.authorize(order)
      }
    }
    return await firstSend(account, sent, record) {
      await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
        try adapter.authorize(order)
      }
    }
  }

  /// A payment's first send: what keeps it away now is proof that nothing was written.
  private func firstSend(
    _ account: GatewayAccount, _ sent: SentRequest, _ record: OperationRecord,
    _ send: () async -> Heard
  ) async -> Heard {
    let key = BreakerKey(account: account, operation: .authorize)
    let admission: GatewayBreakers.Admission
    switch await admit(account, livemode: record.merchant.isLive) {
    case .admitted(let found): admission = found
    case .refused(let reason):
      let outcome = Outcome.notExecuted(Proof(neverWritten: reason))
      metrics.count(sent.purpose, at: account, outcome, milliseconds: nil)
      return Heard(outcome: outcome, detail: reason.words, milliseconds: 0)
    }
    limits.countFirstSend()
    let heard = await send()
    if let contact = heard.contact {
      breakers.record(contact, of: key, admission, milliseconds: Int64(heard.milliseconds))
    } else {
      breakers.forget(key, admission)
    }
    if let succeeded = heard.outcome.isAuthorized {
      limits.record(succeeded: succeeded, at: account)
    }
    return heard
  }

  /// What the payer brought back, for the gateway that sent them away; one key for each try. It may
  /// take all the time there is: no other gateway waits for it. The answer may name the payment anew.
  func details(
    _ record: OperationRecord, _ attempt: Attempt, _ result: RedirectResult, _ send: Send,
    within limit: Duration
  ) async -> Heard {
    let order = DetailsOrder(
      reference: .details(attempt.id, try: attempt.actionTries), result: result)
    let sent = SentRequest(
      purpose: .details, send: send, amount: record.operation.amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text)
    return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.details(order)
    }
  }

  func capture(
    _ record: OperationRecord, _ attempt: Attempt, _ capture: Capture, try number: Int,
    _ send: Send, within limit: Duration
  ) async -> Heard {
    let order = ModifyOrder(
      reference: .capture(capture.id, try: number), account: attempt.account,
      paymentReference: attempt.reference ?? "", amount: capture.amount)
    let sent = SentRequest(
      purpose: .capture, send: send, amount: capture.amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text,
      paymentReference: attempt.reference)
    return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.capture(order)
    }
  }

  func get(
    _ record: OperationRecord, _ attempt: Attempt, reference: String, within limit: Duration
  ) async -> Heard {
    let number = (record.attempts[attempt.id]?.looks ?? 0) + 1
    let sent = SentRequest(
      purpose: .look, send: .first, amount: record.operation.amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text, paymentReference: reference)
    return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.get(payment: reference, key: .get(attempt.id, try: number))
    }
  }

  func cancel(
    _ record: OperationRecord, _ attempt: Attempt, reference: String?, try number: Int,
    within limit: Duration
  ) async -> Heard {
    let order = CancelOrder(
      reference: .cancel(attempt.id, try: number), account: attempt.account,
      target: reference.map { .payment($0) } ?? .own(.authorize(attempt.id)),
      mayBeCaptured: attempt.mode == .charge)
    let sent = SentRequest(
      purpose: .cancel, send: .first, amount: record.operation.amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text, paymentReference: reference)
    return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.cancel(order)
    }
  }

  /// The refund of a condemned attempt that took money; one key for ever.
  func compensate(
    _ record: OperationRecord, _ attempt: Attempt, reference: String, within limit: Duration
  ) async -> Heard {
    let order = ModifyOrder(
      reference: .compensate(attempt.id), account: attempt.account, paymentReference: reference,
      amount: record.operation.amount(of: attempt))
    let sent = SentRequest(
      purpose: .refund, send: .first, amount: order.amount, account: attempt.account,
      ownReference: nil, paymentReference: reference)
    return await exchange(attempt, sent, within: limit) { adapter throws(ExpressionError) in
      try adapter.refund(order)
    }
  }

  // MARK: The exchange

  func exchange(
    _ attempt: Attempt, _ sent: SentRequest, within limit: Duration,
    _ build: (any Gateway) throws(ExpressionError) -> GatewayRequest?
  ) async -> Heard {
    await exchange(
      at: GatewayAccount(gateway: attempt.gateway, account: attempt.account), sent, within: limit,
      build)
  }

  func exchange(
    at account: GatewayAccount, _ sent: SentRequest, within limit: Duration,
    _ build: (any Gateway) throws(ExpressionError) -> GatewayRequest?
  ) async -> Heard {
    guard let adapter = adapters[account.gateway], let settings = accounts[account] else {
      return Heard(
        outcome: sent.isFirstResult
          ? .notExecuted(Proof(neverWritten: .notExpressible)) : .unknown(.noAnswer(.resolving)),
        detail: "the settings no longer name \(account)", milliseconds: 0)
    }
    let request: GatewayRequest
    do {
      guard let built = try build(adapter) else {
        return Heard(
          outcome: .unknown(.noAnswer(.resolving)), detail: "\(account.gateway) has no such request",
          milliseconds: 0)
      }
      request = built
    } catch {
      return notExpressible(error, sent)
    }
    let watched = sent.purpose.breakerOperation.map {
      BreakerKey(account: account, operation: $0)
    }
    let admission = if let watched { await breakers.admit(watched) } else {
      GatewayBreakers.Admission.denied
    }
    limits.enter(account)
    let started = loop.now
    let outbound = outbound(
      request, adapter, settings, within: limit,
      atMost: sent.purpose == .details ? limit : Self.sendLimit)
    #if TENDER_FAULTS
      let report = await send(outbound, sent)
      let facts = Self.facts(of: report)
    #else
      let report = await client.send(outbound)
      let facts = TransferFacts(report)
    #endif
    limits.leave(account)
    if let watched {
      breakers.record(
        Breaker.Result(facts), of: watched, admission,
        milliseconds: started.duration(to: loop.now).wholeMillisecondsRoundedUp)
    }
    let answer = adapter.read(facts, for: sent.purpose)
    let outcome = OutcomeRule.outcome(of: facts, answer, to: sent, DeclineTable.current.classify)
    let spent = started.duration(to: loop.now).wholeMillisecondsRoundedUp
    metrics.count(sent.purpose, at: account, outcome, milliseconds: spent)
    return Heard(
      outcome: outcome, detail: Self.words(outcome, report), milliseconds: Int32(clamping: spent),
      contact: Breaker.Result(facts))
  }

  func outbound(
    _ request: GatewayRequest, _ adapter: any Gateway, _ settings: GatewayAccountSettings,
    within limit: Duration, atMost longest: Duration = GatewayPorts.sendLimit
  ) -> OutboundRequest {
    let credentials = adapter.authentication(apiKey: settings.apiKey.text)
    let headers = (request.headers + [credentials]).map { HeaderField($0.name, $0.value) }
    return OutboundRequest(
      request.method == .get ? .get : .post, settings.baseURL + request.path, headers: headers,
      body: request.body, timeout: min(limit, longest),
      responseBytesMax: Self.answerBytesMax)
  }

  /// What cannot be said in the gateway's terms was not sent; a replay says nothing.
  private func notExpressible(_ error: ExpressionError, _ sent: SentRequest) -> Heard {
    let outcome: Outcome =
      sent.send == .first && (sent.purpose == .authorize || sent.purpose == .charge)
        || sent.isFirstResult
      ? .notExecuted(Proof(neverWritten: .notExpressible)) : .unknown(.unreadable)
    return Heard(outcome: outcome, detail: "not expressible: \(error)", milliseconds: 0)
  }

  static func words(_ outcome: Outcome, _ report: TransferReport) -> String {
    switch outcome {
    case .succeeded(let settled): "\(settled.kind), HTTP \(report.status ?? 0)"
    case .pending(let pending): "pending (\(pending.kind)), HTTP \(report.status ?? 0)"
    case .declined(let decline): "declined: \(decline.code) (\(decline.gatewayCode))"
    case .notExecuted(let proof): "not executed: \(proof)"
    case .unknown(let reason): "unknown: \(reason), \(report.sendProof)"
    }
  }
}

extension SentRequest {
  /// What a payer brought back, under a key that was not used before.
  fileprivate var isFirstResult: Bool { purpose == .details && send == .first }
}

extension TransferFacts {
  /// The report in the terms of the rules.
  init(_ report: TransferReport) {
    var headers: [String: String] = [:]
    for field in report.headers { headers[field.name.lowercased()] = field.value }
    self.init(
      stage: Self.stage(report.sendProof), requestSize: Int(report.requestBytes),
      status: report.status, headers: headers, body: report.body, isTruncated: report.isTruncated)
  }

  private static func stage(_ proof: SendProof) -> Stage {
    switch proof {
    case .notSent(.connect), .notSent(.addressDenied): .connecting
    case .notSent(.tls): .securing
    case .notSent(.local), .notSent(.cancelled), .notSent(.resolve): .resolving
    case .maybeSent(.answerIncomplete), .maybeSent(.answerTooLong): .answering
    case .maybeSent: .sending
    case .answered: .answered
    }
  }
}

extension String {
  var nonEmpty: String? { isEmpty ? nil : self }
}
