/// All that is known of a payment that a promise was broken about, in lines for people.
struct Dossier: Sendable, Equatable {
  /// Payments told about in full; more make nobody wiser.
  static let paymentsMax = 8
  /// Calls told of each.
  static let callsMax = 40

  let lines: [String]

  /// - Parameter texts: violations and problems, which name what they are about by its ids.
  init(about texts: [String], in evidence: Evidence) {
    let named = evidence.intents.filter { intent in
      let ids = Self.ids(of: intent, evidence)
      return texts.contains { text in ids.contains { text.contains($0) } }
    }
    let left = named.count - Self.paymentsMax
    lines =
      named.prefix(Self.paymentsMax).flatMap { Self.lines($0, evidence) }
      + (left > 0 ? ["and \(left) more payments"] : [])
  }

  private static func ids(of intent: FoundIntent, _ evidence: Evidence) -> [String] {
    let keys = evidence.calls.filter { evidence.intent(ofPayment: $0.payment)?.id == intent.id }
    let ids =
      [intent.id] + intent.operations.map(\.id) + intent.operations.flatMap(\.attempts).map(\.id)
      + intent.postings.map(\.id) + evidence.charges(of: intent.id).map(\.id)
      + evidence.refunds.filter { $0.intent == intent.id }.map(\.id) + Set(keys.map(\.key))
    return ids.filter { !$0.isEmpty }
  }

  private static func lines(_ intent: FoundIntent, _ evidence: Evidence) -> [String] {
    let history = intent.changes.map { "\($0.version) \($0.status)" }.joined(separator: " · ")
    var lines = [
      "\(intent.id), \(intent.description), merchant \(intent.merchant): \(intent.status) "
        + "\(intent.failureCode), \(intent.capturedMinor) of \(intent.amountMinor) captured, "
        + "\(intent.gateway) \(intent.gatewayReference)",
      "  history: \(history)",
    ]
    lines += intent.operations.flatMap(operation)
    lines += books(intent, evidence)
    for refund in evidence.refunds where refund.intent == intent.id {
      lines.append(
        "  refund \(refund.id) by \(refund.key): \(refund.amountMinor) \(refund.status) "
          + "\(refund.pendingReason) at version \(refund.version)")
    }
    lines += intent.postings.map {
      "  ledger: \($0.id) \($0.kind) \($0.debitMinor), \($0.externalReference)"
    }
    lines += intent.events.map { "  event \($0.sequence): \($0.type) at version \($0.version)" }
    return lines + calls(intent, evidence)
  }

  private static func operation(_ operation: FoundIntent.Operation) -> [String] {
    let facts = operation.facts.joined(separator: " · ")
    return [
      "  operation \(operation.id): \(operation.state) \(operation.closeReason), facts: \(facts)"
    ]
      + operation.attempts.map { attempt in
        let known = attempt.decidedAt.map { "known \($0)" } ?? "not known"
        return "    attempt \(attempt.id) at \(attempt.gateway): \(attempt.disposition), "
          + "\(attempt.evidence) \(attempt.reference), made \(attempt.createdAt), \(known)"
      }
  }

  private static func books(_ intent: FoundIntent, _ evidence: Evidence) -> [String] {
    let charges = evidence.charges(of: intent.id)
    let given = evidence.gatewayRefunds.filter { refund in
      charges.contains { $0.id == refund.payment }
    }
    return charges.map {
      "  books of \($0.gateway): \($0.id) \($0.status), \($0.captured) captured, "
        + "\($0.refunded) refunded, \($0.authorized) of \($0.amount) authorised"
    }
      + given.map {
        "  books of \($0.gateway): refund \($0.id) \($0.reference) of \($0.amount) \($0.status)"
      }
  }

  private static func calls(_ intent: FoundIntent, _ evidence: Evidence) -> [String] {
    let calls = evidence.calls.filter { evidence.intent(ofPayment: $0.payment)?.id == intent.id }
    let first = calls.map(\.startedAt).min() ?? 0
    return calls.suffix(callsMax).map { call in
      let (from, to) = ((call.startedAt - first) / 1000, (call.endedAt - first) / 1000)
      return "  call \(from) to \(to) ms: \(call.method.rawValue) \(call.key) "
        + "(\(call.payload)): \(call.answer.text)"
    }
  }
}

extension CallRecord.Answer {
  var text: String {
    switch self {
    case .intent(let id, let status, let version, _, let isReplayed):
      "\(id) \(status) version \(version)\(isReplayed ? ", replayed" : "")"
    case .refund(let id, let status, let amount, let version, _, let isReplayed):
      "\(id) \(status) \(amount) version \(version)\(isReplayed ? ", replayed" : "")"
    case .refused(let code, let reason): "refused: \(code) \(reason)"
    case .unknown(let reason): "unknown: \(reason)"
    }
  }
}
