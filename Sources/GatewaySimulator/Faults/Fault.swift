/// What can go wrong at a gateway. "Acts" means: the effect is in the books.
///
/// Each by rule (`POST /control/faults`), by seed (`POST /control/seed`) and, where `testMethod`
/// says so, by a payment method. The README's table is `Fault.table`; a test compares.
package enum Fault: String, Sendable, CaseIterable {
  case refuse
  case tlsFailure = "tls_failure"
  case timeoutBefore = "timeout_before"
  case timeoutAfter = "timeout_after"
  case timeoutUndecided = "timeout_undecided"
  case slow
  case error500 = "error_500"
  case error500After = "error_500_after"
  case badGateway = "bad_gateway"
  case badGatewayAfter = "bad_gateway_after"
  case unavailable
  case rateLimited = "rate_limited"
  case rateLimitedReplay = "rate_limited_replay"
  case keyInUse = "key_in_use"
  case keyReused = "key_reused"
  case keyExpired = "key_expired"
  case notFound = "not_found"
  case truncated
  case invalidJSON = "invalid_json"
  case hugeBody = "huge_body"
  case unknownEnum = "unknown_enum"
  case wrongAmount = "wrong_amount"
  case wrongCurrency = "wrong_currency"
  case wrongReference = "wrong_reference"
  case closeBefore = "close_before"
  case closeAfter = "close_after"
  case resetAfter = "reset_after"
  case modificationFails = "modification_fails"
  case modificationFailsLate = "modification_fails_late"
  case modificationLost = "modification_lost"
  case chargeback
  case chargebackReversed = "chargeback_reversed"
  case webhookFirst = "webhook_first"
  case webhookNever = "webhook_never"
  case webhookDuplicate = "webhook_duplicate"
  case webhookDelayed = "webhook_delayed"
  case webhookOutOfOrder = "webhook_out_of_order"
  case webhookForged = "webhook_forged"
  case webhookMixedBatch = "webhook_mixed_batch"

  /// Whether the request is carried out.
  var acts: Bool {
    switch self {
    case .refuse, .tlsFailure, .timeoutBefore, .error500, .badGateway, .unavailable, .rateLimited,
      .rateLimitedReplay, .keyInUse, .keyReused, .notFound, .closeBefore:
      false
    default: true
    }
  }

  /// The listener's, for all connections, until the rule is deleted.
  var touchesConnections: Bool { self == .refuse || self == .tlsFailure }

  var touchesModification: Bool {
    switch self {
    case .modificationFails, .modificationFailsLate, .modificationLost: true
    default: false
    }
  }

  /// What it does happens to the notifications that the request causes.
  var touchesWebhooks: Bool {
    switch self {
    case .webhookFirst, .webhookNever, .webhookDuplicate, .webhookDelayed, .webhookOutOfOrder,
      .webhookForged, .webhookMixedBatch:
      true
    default: false
    }
  }

  /// What will become of the payment once its money was taken.
  var fate: DueAction? {
    switch self {
    case .chargeback: .chargeBack
    case .chargebackReversed: .chargeBackReversed
    default: nil
    }
  }

  /// Whether it can strike this request at all; a rule or a seed waits for one that it fits.
  func fits(_ facts: FaultFacts) -> Bool {
    switch self {
    case .refuse, .tlsFailure: false
    case .modificationFails, .modificationLost: facts.isModification && !facts.isReplay
    case .modificationFailsLate:
      (facts.isModification || facts.operation == .refund) && !facts.isReplay
    case .rateLimitedReplay, .keyExpired: facts.isReplay
    case .notFound: facts.operation.namesSomething && !facts.isReplay
    case .chargeback, .chargebackReversed:
      (facts.operation == .authorize || facts.operation == .capture) && !facts.isReplay
    case .webhookMixedBatch:
      facts.gateway == .adyen && facts.operation.changes && !facts.isReplay
    default: !touchesWebhooks || facts.operation.changes && !facts.isReplay
    }
  }

  /// The Stripe and Adyen payment methods whose first request meets this fault: at the payment, or
  /// at the first later call that it fits. nil: what strikes a connection, or needs a repetition.
  var testMethod: MethodNames? {
    switch self {
    case .refuse, .tlsFailure, .rateLimitedReplay, .keyExpired: nil
    default: MethodNames(stripe: "pm_card_fault_" + rawValue, adyen: "stored_fault_" + rawValue)
    }
  }

  struct MethodNames: Sendable {
    let stripe: String
    let adyen: String
  }

  /// Not part of a seed's standard mix: what breaks everything until it is deleted, and a key that
  /// expires early, which no gateway does: a platform may charge twice then.
  var isInStandardMix: Bool { !touchesConnections && self != .keyExpired }
}
