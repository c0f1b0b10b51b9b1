extension Fault {
  /// What the client sees, and what the same key answers later.
  struct Explanation: Sendable {
    let client: String
    let later: String
    init(_ client: String, _ later: String = "") {
      self.client = client
      self.later = later
    }
  }

  var explanation: Explanation {
    switch self {
    case .refuse: Explanation("connection refused; open connections are cut; until deleted")
    case .tlsFailure:
      Explanation("connects, then reads a TLS alert (handshake_failure) and the end; until deleted")
    case .timeoutBefore: Explanation("nothing, until it hangs up", "executes")
    case .timeoutAfter: Explanation("nothing, until it hangs up", "replays")
    case .timeoutUndecided:
      Explanation(
        "nothing, until it hangs up; Stripe has made the payment and never confirms it",
        "Stripe: in use for ever; Adyen: replays"
      )
    case .slow: Explanation("the answer, `delay_ms` late; it acted at once", "replays")
    case .error500: Explanation("500", "Stripe: the 500 for ever; Adyen: executes")
    case .error500After: Explanation("500", "Stripe: the 500 for ever; Adyen: replays the truth")
    case .badGateway: Explanation("502, HTML", "executes")
    case .badGatewayAfter: Explanation("502, HTML", "replays")
    case .unavailable: Explanation("503 (Adyen: error 703, transient)", "executes")
    case .rateLimited: Explanation("429", "executes, or replays what was known before")
    case .rateLimitedReplay: Explanation("429 to a repetition, which says nothing", "replays")
    case .keyInUse: Explanation("409 (Adyen: 422/704, transient)", "executes")
    case .keyReused:
      Explanation("400 `idempotency_error` (Adyen: 422/704, not transient)", "executes")
    case .keyExpired:
      Explanation("the answer to a new request: the key was forgotten early", "replays the new one")
    case .notFound:
      Explanation(
        "404 `resource_missing`, an empty list (Adyen: 422/167) about what exists",
        "the truth"
      )
    case .truncated: Explanation("half the body, then the end", "replays")
    case .invalidJSON: Explanation("200 and broken JSON", "replays")
    case .hugeBody: Explanation("the true answer with a member of 8 MiB", "replays the truth")
    case .unknownEnum: Explanation("a `status` or `resultCode` nobody has heard of", "the truth")
    case .wrongAmount: Explanation("the answer with other amounts", "replays the truth")
    case .wrongCurrency: Explanation("the answer with another currency", "replays the truth")
    case .wrongReference: Explanation("the answer with another reference", "replays the truth")
    case .closeBefore: Explanation("the end of the connection, no byte", "executes")
    case .closeAfter: Explanation("the end of the connection, no byte", "replays")
    case .resetAfter: Explanation("RST, no byte", "replays")
    case .modificationFails: Explanation("Adyen: `received`, then success false", "replays")
    case .modificationFailsLate:
      Explanation(
        "success, and after `late_failure_ms` CAPTURE_FAILED, REFUND_FAILED, `refund.failed`",
        "replays"
      )
    case .modificationLost: Explanation("Adyen: `received`, and then nothing ever", "replays")
    case .chargeback:
      Explanation("success; the captured money is charged back after `late_failure_ms`", "replays")
    case .chargebackReversed:
      Explanation("as `chargeback`, and reversed after as long again", "replays")
    case .webhookFirst: Explanation("the answer after the notification was acknowledged", "replays")
    case .webhookNever: Explanation("the answer; the notification is never sent", "replays")
    case .webhookDuplicate: Explanation("the answer; the notification comes three times", "replays")
    case .webhookDelayed: Explanation("the answer; the notification `webhook_ms` late", "replays")
    case .webhookOutOfOrder:
      Explanation("the answer; the notification after a later one, or 5 s late", "replays")
    case .webhookForged:
      Explanation("the answer; ahead of the notification one with other amounts", "replays")
    case .webhookMixedBatch:
      Explanation("the answer; ahead of the notification it and a forged one in a batch", "replays")
    }
  }

  /// The README's table.
  package static var table: String {
    let rows = allCases.map { fault in
      let method = fault.testMethod == nil ? "–" : "yes"
      let seed = fault.isInStandardMix ? "yes" : fault.touchesConnections ? "no" : "named"
      return "| `\(fault.rawValue)` | \(fault.acts ? "yes" : "no") | \(fault.explanation.client) "
        + "| \(fault.explanation.later) | \(method) | \(seed) |"
    }
    return """
      | fault | acts | the client sees | the same key later | method | seed |
      | --- | --- | --- | --- | --- | --- |
      \(rows.joined(separator: "\n"))
      """
  }
}
