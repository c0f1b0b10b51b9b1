import Money
import Wire

/// What gateway-router did for a payment, in sentences: what was tried, what was fenced, who won, and
/// what is given back when.
enum RouteStory {
  static func lines(_ operations: [GatewayV1.Operation]) -> [String] {
    operations.flatMap { operation in
      operation.attempts.map { "\($0.sequence). \(sentence($0))" }
        + (operation.attempts.first?.decision.map { [choice($0)] } ?? []) + end(operation)
    }
  }

  /// Why this gateway came first and others did not come at all.
  private static func choice(_ decision: GatewayV1.RouteDecision) -> String {
    let rules =
      decision.version == 0 ? "the settings' order" : "version \(decision.version) of the rules"
    let left = decision.skips.map { "; \($0.gatewayAccount) was left out: \(words($0.reason))" }
    return "chosen by \(rules), rule \(decision.rule)\(order(decision.reason))" + left.joined()
  }

  private static func order(_ reason: String) -> String {
    switch reason {
    case "given", "": ""
    case "split": ", by its split"
    case "success_rate": ", the better success rate first"
    case "explored": ", to learn of another gateway"
    case "cost": ", the lower fee first"
    default: ", by \(reason)"
    }
  }

  private static func words(_ skip: String) -> String {
    switch skip {
    case "no_token": "it holds no token of the payment method"
    case "breaker_open": "its breaker was open"
    case "at_limit": "it was at its limit of calls"
    case "forced_open": "an operator kept payments away"
    default: skip
    }
  }

  private static func sentence(_ attempt: GatewayV1.Attempt) -> String {
    let gateway = attempt.gateway
    switch attempt.disposition {
    case .winner: return "\(gateway) won: \(attempt.evidence)" + release(attempt)
    case .condemned: return "\(gateway) \(lost(attempt))"
    case .open, .unspecified, .unrecognized:
      if attempt.evidence == "action_submitted" {
        return "\(gateway) was handed what the payer brought back and has not said what came of it "
          + "(\(attempt.evidenceDetail)); it is not asked again"
      }
      let look = attempt.nextLookAt.map { "; looked at again at \(time($0))" } ?? ""
      return "\(gateway) was asked: \(attempt.evidence) (\(attempt.evidenceDetail))\(look)"
    }
  }

  private static func release(_ attempt: GatewayV1.Attempt) -> String {
    guard let job = attempt.reversal else { return "" }
    return job.finishedAt == nil ? "; it is being released\(next(job))" : "; it was released"
  }

  private static func lost(_ attempt: GatewayV1.Attempt) -> String {
    guard let job = attempt.reversal else {
      switch attempt.evidence {
      case "canceled": return "was fenced: it answered that the payment is canceled"
      case "not_executed": return "did nothing: \(attempt.evidenceDetail)"
      case "declined": return "declined: \(attempt.evidenceDetail)"
      default: return "is out: \(attempt.evidence)"
      }
    }
    if attempt.evidence == "returned" { return "was taken back by the payer's bank" }
    if job.finishedAt != nil { return "was given back: \(attempt.evidence)" }
    return "is out (\(attempt.evidence)) and will be given back\(next(job))"
  }

  private static func next(_ job: GatewayV1.Reversal) -> String {
    job.nextTryAt.map { ": try \(job.tries + 1) at \(time($0))" } ?? ""
  }

  private static func end(_ operation: GatewayV1.Operation) -> [String] {
    if let at = operation.giveUpAt {
      return ["nothing has won yet; what is unknown is given up at \(time(at))"]
    }
    switch operation.closeReason {
    case .exhausted: return ["no gateway took it"]
    case .canceled: return ["it was canceled"]
    case .gaveUp: return ["it was given up: its outcome stayed unknown"]
    case .abandoned: return ["nothing was ever sent"]
    case .unspecified, .unrecognized: return []
    }
  }

  private static func time(_ at: GoogleProtobuf.Timestamp) -> String { "\(Timestamp(at))" }
}
