/// The proof that a request was not executed. Cannot be made without its facts: each initialiser
/// checks them and gives nil where they do not prove it.
package struct Proof: Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// Failed in resolve, connect or TLS, and no byte of a request was written.
    case neverSent(TransferFacts.Stage)
    /// The router itself did not start to write.
    case neverWritten(NoWrite)
    /// The gateway's own words on the first send: 429 or 503.
    case refusedUnprocessed(status: Int)
    /// The gateway canceled it on our request: it cannot succeed any more.
    case fenced
    /// The gateway's list of that time, read to its end, does not hold it.
    case neverExisted
  }

  package let kind: Kind

  /// nil if a byte of a request was written, or the transfer came as far as writing. The size counts
  /// over the whole transfer, resent requests included; an error code proves nothing.
  package init?(neverSent facts: TransferFacts) {
    guard facts.requestSize == 0, facts.stage < .sending, facts.status == nil else { return nil }
    kind = .neverSent(facts.stage)
  }

  /// For a live caller that decided not to write. Never from a row that a crash left behind.
  package init(neverWritten reason: NoWrite) { kind = .neverWritten(reason) }

  /// nil on a replay: the first send may have been executed.
  init?(refusedWithStatus status: Int, send: Send) {
    guard send == .first, status == 429 || status == 503 else { return nil }
    kind = .refusedUnprocessed(status: status)
  }

  /// A fence that answered `canceled`.
  package init?(fence answer: PaymentAnswer) {
    guard answer.state == .canceled else { return nil }
    kind = .fenced
  }

  /// nil before the reversal's schedule has ended: whatever was on its way has arrived by then, and
  /// no key is remembered any more. Only for a condemned attempt, which nothing sends again.
  package init?(absentFromListAfter seconds: Int64) {
    guard seconds >= ReversalSchedule.absenceSeconds else { return nil }
    kind = .neverExisted
  }

  package var description: String {
    switch kind {
    case .neverSent(let stage): "failed while \(stage), no request byte written"
    case .neverWritten(let reason): "not written: \(reason)"
    case .refusedUnprocessed(let status): "refused with \(status) by the gateway on a first send"
    case .fenced: "canceled at the gateway"
    case .neverExisted: "not in the gateway's list of payments a day later"
    }
  }
}

/// Why the router did not write a request.
package enum NoWrite: Sendable, Hashable {
  /// The operation's `send_before` has passed.
  case sendWindowPassed
  case breakerOpen
  /// A person keeps new payments away.
  case forcedOpen
  /// The limit of requests in flight towards this gateway.
  case bulkheadFull
  /// The request cannot be said in the gateway's terms (currency, amount).
  case notExpressible
}

/// Whether a request goes out for the first time under its key.
package enum Send: Sendable, Hashable { case first, replay }
