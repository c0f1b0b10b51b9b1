import InboundHTTP

/// The way of every request to a gateway: access, key, fault, latency, effect, disk, answer.
struct Front: Sendable {
  let api: any GatewayAPI
  let core: Core

  /// How long `webhook_first` holds an answer back for the notification's acknowledgement.
  static let webhookFirstMilliseconds: Int64 = 10_000
  /// What `huge_body` adds to an answer.
  static let hugeBytes = 8 << 20

  private enum Claim {
    case fresh
    case replay(StoredAnswer)
    case trouble(KeyTrouble)
  }

  func handle(_ request: Request, _ connection: ConnectionFacts) -> Exchange {
    if let page = ChallengePage(request) { return Exchange(response: page.respond(api, core)) }
    var call: Call
    switch api.route(request) {
    case .refused(let response): return Exchange(response: response)
    case .call(let routed): call = routed
    }
    if let host = request.header("host"), !host.isEmpty { call.host = host }
    let (claim, known) = self.claim(call)
    var facts = known
    facts.isKeptAlive = connection.served > 0
    switch claim {
    case .trouble(let trouble):
      return dressed(api.troubled(trouble, call), call, nil, isReplay: false)
    case .replay(let answer):
      facts.isReplay = true
      let chosen = choose(facts)
      if chosen?.fault == .keyExpired, let key = call.idempotencyKey {
        core.books.withLock { books in
          books.forgetAnswer(api.gateway, key)
          books.runningKeys.insert(Books.answerName(api.gateway, key))
        }
        return execute(call, facts, chosen)
      }
      core.noteRequest(facts, call, chosen?.fault, status: answer.status)
      let response = Response(status: answer.status, body: answer.body)
      return dressed(response, call, chosen, isReplay: true)
    case .fresh: return execute(call, facts, choose(facts))
    }
  }

  private func choose(_ facts: FaultFacts) -> ChosenFault? {
    core.faults.withLock { $0.choose(facts) }
  }

  /// Takes the key, if there is one, and completes the facts from what the books know.
  private func claim(_ call: Call) -> (Claim, FaultFacts) {
    core.books.withLock { books in
      var facts = call.facts
      let brought = call.json["details"]?["redirectResult"]?.text
      let target = call.target ?? brought.flatMap { books.paymentOfResult[$0] }
      if let target, let payment = books.payments[target] {
        if facts.reference.isEmpty { facts.reference = payment.reference }
        if facts.metadata.isEmpty { facts.metadata = payment.metadata }
        facts.paymentID = payment.id
        facts.method = facts.method ?? payment.method
        facts.amount = facts.amount ?? payment.amount
        facts.currency = facts.currency ?? payment.currency
      }
      guard let key = call.idempotencyKey else { return (.fresh, facts) }
      let name = Books.answerName(api.gateway, key)
      let now = core.now(books)
      if let answer = books.answer(
        api.gateway,
        key,
        now: now,
        keptMilliseconds: api.answersKeptMilliseconds
      ) {
        let isSame = answer.endpoint == call.endpoint && answer.fingerprint == call.fingerprint
        return (isSame ? .replay(answer) : .trouble(.reused), facts)
      }
      guard books.runningKeys.insert(name).inserted else { return (.trouble(.inUse), facts) }
      return (.fresh, facts)
    }
  }

  private func execute(_ call: Call, _ facts: FaultFacts, _ chosen: ChosenFault?) -> Exchange {
    var call = call
    let latency = core.tuning.withLock { $0.latencyMilliseconds[api.gateway] ?? 0 }
    sleepMilliseconds(latency)
    let fault = chosen?.fault
    call.fate = fault?.fate
    let done = core.commit { [call] books, now -> (outcome: Outcome, events: [String]) in
      var outcome: Outcome
      if let fault, !fault.acts {
        let isStored = fault == .error500 && api.storesFailures
        outcome = Outcome(response: api.failure(fault, call), isStored: isStored)
      } else {
        outcome = api.execute(call, fault: fault, &books, now: now)
        if fault == .error500After, api.storesFailures, outcome.isStored {
          outcome.response = api.failure(.error500After, call)
        }
        if let fault, fault.touchesWebhooks { books.treatEvents(fault) }
      }
      if call.operation.changes || fault != nil {
        books.put(
          .request(
            AcceptedRequest(facts, call, fault, status: outcome.response.status, at: now)))
      }
      if let key = call.idempotencyKey, !isUndecided(fault) {
        finish(call, key, outcome, &books, now)
      }
      return (outcome, books.undeliveredEvents)
    }
    guard let done else {
      // The disk failed: the effect is not certain, so nothing may be said.
      return Exchange(
        response: Response(status: 500, body: []),
        delivery: .closed(reset: false)
      )
    }
    if fault == .webhookFirst {
      core.announcer.waitUntilDone(done.events, limitMilliseconds: Front.webhookFirstMilliseconds)
    }
    return dressed(done.outcome.response, call, chosen, isReplay: false)
  }

  private func isUndecided(_ fault: Fault?) -> Bool {
    fault == .timeoutUndecided && api.gateway == .stripe
  }

  private func finish(
    _ call: Call,
    _ key: String,
    _ outcome: Outcome,
    _ books: inout Books,
    _ now: Int64
  ) {
    books.runningKeys.remove(Books.answerName(api.gateway, key))
    guard outcome.isStored else { return }
    books.put(
      .answer(
        StoredAnswer(
          gateway: api.gateway,
          key: key,
          endpoint: call.endpoint,
          fingerprint: call.fingerprint,
          createdAt: now,
          status: outcome.response.status,
          body: outcome.response.body
        )
      )
    )
  }

  /// The true answer as the fault lets it out.
  private func dressed(
    _ response: Response,
    _ call: Call,
    _ chosen: ChosenFault?,
    isReplay: Bool
  ) -> Exchange {
    var response = response
    api.dress(&response, call, isReplay: isReplay)
    guard let chosen else { return Exchange(response: response) }
    var delivery = Delivery.whole
    switch chosen.fault {
    case .refuse, .tlsFailure, .modificationFails, .modificationFailsLate, .modificationLost,
      .chargeback, .chargebackReversed, .keyExpired, .webhookFirst, .webhookNever,
      .webhookDuplicate, .webhookDelayed, .webhookOutOfOrder, .webhookForged, .webhookMixedBatch:
      break
    case .timeoutBefore, .timeoutAfter, .timeoutUndecided: delivery = .silence
    case .slow: delivery = .late(milliseconds: chosen.delayMilliseconds)
    case .closeBefore, .closeAfter: delivery = .closed(reset: false)
    case .resetAfter: delivery = .closed(reset: true)
    case .truncated: delivery = .cut
    case .invalidJSON: response.body = Array(response.body.dropLast(2)) + Array("\u{1}".utf8)
    case .wrongAmount: response.body = mangled(response.body, .amount)
    case .wrongCurrency: response.body = mangled(response.body, .currency)
    case .wrongReference: response.body = mangled(response.body, .reference)
    case .unknownEnum: response.body = mangled(response.body, .state)
    case .hugeBody:
      let padding = [UInt8](repeating: UInt8(ascii: "x"), count: Front.hugeBytes)
      response.body = response.body.dropLast() + Array(",\"padding\":\"".utf8) + padding
        + Array("\"}".utf8)
    case .badGateway, .badGatewayAfter:
      let page = "<html><head><title>502 Bad Gateway</title></head><body>502</body></html>\r\n"
      response = Response(status: 502, contentType: "text/html", body: Array(page.utf8))
    case .error500, .error500After, .unavailable, .rateLimited, .rateLimitedReplay, .keyInUse,
      .keyReused, .notFound:
      response = api.failure(chosen.fault, call)
      api.dress(&response, call, isReplay: isReplay)
    }
    return Exchange(response: response, delivery: delivery)
  }
}
