package import GatewayCore
import Money

extension StripeGateway {
  package func read(
    _ facts: TransferFacts,
    for purpose: SentRequest.Purpose
  ) -> GatewayAnswer? {
    guard let answer = facts.answer else { return nil }
    return switch answer.status {
    case 200..<300: Self.readObject(answer.body, purpose)
    default: Self.readError(answer.status, answer.body, purpose)
    }
  }

  package func readPage(
    _ facts: TransferFacts, for reference: GatewayReference
  ) -> FoundPage? {
    guard let answer = facts.answer else { return nil }
    guard 200..<300 ~= answer.status else {
      return .failed(Self.readError(answer.status, answer.body, .look))
    }
    guard let page = JSONReading.decode(StripePage<StripePaymentIntent>.self, from: answer.body), page.object == "list"
    else { return .failed(.unreadable) }
    let ours = page.data.first { $0.metadata?[Self.referenceKey] == reference.text }
    if let ours {
      return Self.whole(ours, .look).map(FoundPage.found) ?? .failed(.unreadable)
    }
    guard page.has_more == true else { return .absent }
    guard let last = page.data.last?.id else { return .failed(.unreadable) }
    return .more(after: last)
  }

  package func readRefunds(
    _ facts: TransferFacts, for reference: GatewayReference
  ) -> FoundRefund? {
    guard let answer = facts.answer else { return nil }
    guard 200..<300 ~= answer.status else {
      return .failed(Self.readError(answer.status, answer.body, .look))
    }
    guard let page = JSONReading.decode(StripePage<StripeRefund>.self, from: answer.body),
      page.object == "list"
    else { return .failed(.unreadable) }
    let ours = page.data.first { $0.metadata?[Self.referenceKey] == reference.text }
    if let ours { return Self.whole(ours).map(FoundRefund.found) ?? .failed(.unreadable) }
    guard page.has_more == true else { return .absent }
    guard let last = page.data.last?.id else { return .failed(.unreadable) }
    return .more(after: last)
  }

  private static func readObject(_ body: [UInt8], _ purpose: SentRequest.Purpose) -> GatewayAnswer {
    switch JSONReading.decode(StripeKind.self, from: body)?.object {
    case "payment_intent":
      guard purpose != .setup, purpose != .lookSetup,
        let intent = JSONReading.decode(StripePaymentIntent.self, from: body),
        let answer = whole(intent, purpose)
      else { return .unreadable }
      // What we make carries our reference; what carries none is not what we asked for.
      let isOurs = answer.echo.ownReference != nil
      guard isOurs || (purpose != .authorize && purpose != .charge) else { return .unreadable }
      return .payment(answer)
    case "setup_intent":
      guard purpose == .setup || purpose == .lookSetup,
        let setup = JSONReading.decode(StripeSetupIntent.self, from: body),
        let answer = Self.setup(setup)
      else { return .unreadable }
      return .payment(answer)
    case "refund":
      guard let refund = JSONReading.decode(StripeRefund.self, from: body),
        let answer = whole(refund)
      else { return .unreadable }
      return .refund(answer)
    default: return .unreadable
    }
  }

  /// 500 is indeterminate by Stripe's own words; 429 and 503 count only in Stripe's words.
  private static func readError(
    _ status: Int,
    _ body: [UInt8],
    _ purpose: SentRequest.Purpose
  ) -> GatewayAnswer {
    guard let error = JSONReading.decode(StripeErrorBody.self, from: body)?.error,
      error.type != nil
    else { return .foreignError(status: status) }
    if error.code == "idempotency_key_in_use" || error.code == "lock_timeout" { return .inFlight }
    if error.type == "idempotency_error" { return .keyReused }
    if let intent = error.payment_intent?.intent, let known = readRefusal(error, intent, purpose) {
      return known
    }
    switch status {
    case 401, 403:
      return .rejected(Rejection(kind: .account, status: status, code: error.code ?? "permission"))
    case 404: return .notFound
    case 409: return .inFlight
    case 429: return .throttled
    case 503: return .unavailable
    case 402 where error.type == "card_error": return decline(error, purpose)
    case 400..<500 where status != 424 && status != 408:
      let code = error.code ?? error.type ?? "invalid_request"
      return .rejected(Rejection(kind: .request, status: status, code: code))
    default: return .indeterminate(status: status)
    }
  }

  /// The refusal of a set-up brings it along: without its name nobody knows what was refused.
  private static func decline(
    _ error: StripeError, _ purpose: SentRequest.Purpose
  ) -> GatewayAnswer {
    var echo = Echo()
    if purpose == .setup {
      guard let setup = error.setup_intent, setup.object == "setup_intent", let id = setup.id,
        let own = setup.metadata?[referenceKey]
      else { return .unreadable }
      echo = Echo(reference: id, ownReference: own)
    }
    return .payment(PaymentAnswer(echo: echo, state: .declined(signal(error))))
  }

  /// Errors that bring the payment along: a decline, or a step that its state forbids.
  private static func readRefusal(
    _ error: StripeError,
    _ intent: StripePaymentIntent,
    _ purpose: SentRequest.Purpose
  ) -> GatewayAnswer? {
    if error.type == "card_error" {
      guard var answer = whole(intent, purpose) else { return .unreadable }
      answer.state = .declined(signal(error))
      return .payment(answer)
    }
    guard error.code == "payment_intent_unexpected_state", purpose != .authorize, purpose != .charge
    else { return nil }
    return whole(intent, purpose).map(GatewayAnswer.payment) ?? .unreadable
  }

  /// Nil without the fields that every PaymentIntent has: nothing can be compared then.
  private static func whole(
    _ intent: StripePaymentIntent, _ purpose: SentRequest.Purpose
  ) -> PaymentAnswer? {
    let answer = payment(intent, purpose)
    guard answer.echo.reference != nil, answer.echo.amount != nil, answer.state != .captured(nil)
    else { return nil }
    return answer
  }

  /// The same for a Refund.
  private static func whole(_ refund: StripeRefund) -> RefundAnswer? {
    let answer = self.refund(refund)
    return answer.echo.reference != nil && answer.echo.amount != nil ? answer : nil
  }

  static func payment(
    _ intent: StripePaymentIntent,
    _ purpose: SentRequest.Purpose
  ) -> PaymentAnswer {
    let code = intent.currency?.uppercased()
    func amount(_ units: Int64?) -> Amount? {
      guard let units, let code else { return nil }
      return GatewayUnits.stripe.amount(units: units, currency: code)
    }
    var echo = Echo(
      reference: intent.id,
      paymentReference: intent.id,
      amount: amount(intent.amount),
      ownReference: intent.metadata?[referenceKey]
    )
    // A capture is compared with what was captured: the intent's amount is the authorised one.
    if purpose == .capture, intent.status == "succeeded" {
      echo.amount = amount(intent.amount_received)
    }
    return PaymentAnswer(echo: echo, state: state(intent, amount(intent.amount_received)))
  }

  private static func state(
    _ intent: StripePaymentIntent,
    _ received: Amount?
  ) -> PaymentAnswer.State {
    switch intent.status {
    case "requires_capture": .authorized
    case "succeeded": .captured(received)
    case "processing": .pending
    case "requires_action":
      .requiresAction(
        PayerAction(
          answered: intent.next_action?.redirect_to_url?.url, method: nil, data: [:]))
    case "canceled": .canceled
    case "requires_payment_method":
      intent.last_payment_error.map { .declined(signal($0)) }
        ?? .unrecognized
    default: .unrecognized
    }
  }

  /// Nil without an id, or without our reference: it is not what we asked for. Nothing is authorised
  /// but the use of the method.
  static func setup(_ setup: StripeSetupIntent) -> PaymentAnswer? {
    guard let id = setup.id, let own = setup.metadata?[referenceKey] else { return nil }
    let state: PaymentAnswer.State =
      switch setup.status {
      case "succeeded": .authorized
      case "processing": .pending
      case "requires_action": .requiresAction(PayerAction(redirectURL: nil))
      case "canceled": .canceled
      case "requires_payment_method":
        setup.last_setup_error.map { .declined(signal($0)) } ?? .unrecognized
      default: .unrecognized
      }
    return PaymentAnswer(echo: Echo(reference: id, ownReference: own), state: state)
  }

  static func refund(_ refund: StripeRefund) -> RefundAnswer {
    var echo = Echo(
      reference: refund.id, paymentReference: refund.payment_intent,
      ownReference: refund.metadata?[referenceKey])
    if let units = refund.amount, let code = refund.currency?.uppercased() {
      echo.amount = GatewayUnits.stripe.amount(units: units, currency: code)
    }
    let state: RefundAnswer.State =
      switch refund.status {
      case "succeeded": .succeeded
      case "pending", "requires_action": .pending
      case "failed": .failed(code: refund.failure_reason ?? "unknown")
      case "canceled": .canceled
      default: .unrecognized
      }
    return RefundAnswer(echo: echo, state: state)
  }

  static func signal(_ error: StripeError) -> DeclineSignal {
    DeclineSignal(
      source: .stripe,
      code: error.decline_code ?? error.code ?? "card_declined",
      networkCode: error.network_decline_code,
      networkAdviceCode: error.network_advice_code,
      advice: error.advice_code
    )
  }
}
