/// What can go wrong. "After" means: it acted, and the effect is in the books.
package enum Fault: String, Sendable, CaseIterable {
  /// The listener of the gateway is closed until the rule is deleted.
  case refuse
  /// Never answers; did not act.
  case timeoutBefore = "timeout_before"
  /// Never answers; acted.
  case timeoutAfter = "timeout_after"
  /// Never answers; Stripe: has made the payment and is still confirming it, for ever, so that its
  /// key stays in use. Adyen: acted.
  case timeoutUndecided = "timeout_undecided"
  /// Acts at once, answers after `delay_ms`.
  case slow
  /// 500, did not act. Stripe stores it: the same key answers 500 for ever.
  case error500 = "error_500"
  /// 500, acted. Stripe stores the 500; Adyen stores the true answer.
  case error500After = "error_500_after"
  /// 502 with an HTML page; did not act.
  case badGateway = "bad_gateway"
  case badGatewayAfter = "bad_gateway_after"
  /// 503 (Adyen: error 703, transient); did not act.
  case unavailable
  /// 429; did not act and stored nothing.
  case rateLimited = "rate_limited"
  /// 409 (Adyen: 422/704): pretends that the key is in use; did not act.
  case keyInUse = "key_in_use"
  /// Acts, announces the whole length, sends half.
  case truncated
  /// Acts, answers 200 with broken JSON.
  case invalidJSON = "invalid_json"
  case wrongAmount = "wrong_amount"
  case wrongCurrency = "wrong_currency"
  case wrongReference = "wrong_reference"
  /// Reads the request and closes without a byte; did not act.
  case closeBefore = "close_before"
  /// Acts, then closes without a byte.
  case closeAfter = "close_after"
  /// Acts, then resets the connection.
  case resetAfter = "reset_after"
  /// Adyen: `received`, then the notification says success false.
  case modificationFails = "modification_fails"
  /// Adyen: success true, and minutes later CAPTURE_FAILED or REFUND_FAILED.
  case modificationFailsLate = "modification_fails_late"
  /// Adyen: `received`, and then nothing ever.
  case modificationLost = "modification_lost"

  /// Whether the request is carried out.
  var acts: Bool {
    switch self {
    case .refuse, .timeoutBefore, .error500, .badGateway, .unavailable, .rateLimited, .keyInUse,
      .closeBefore:
      false
    default: true
    }
  }

  var touchesModification: Bool {
    switch self {
    case .modificationFails, .modificationFailsLate, .modificationLost: true
    default: false
    }
  }
}

/// Operations a rule can name.
enum Operation: String, Sendable, CaseIterable {
  case create, authorize, confirm, capture, cancel, refund, reversal, setup, retrieve, list
  case technicalCancel = "technical_cancel"
  case authenticate
}

/// What a rule is compared with.
struct FaultFacts: Sendable {
  var gateway: Gateway
  var operation: Operation
  var reference = ""
  var amount: Int64?
  var currency: String?
  var metadata: [(String, String)] = []
  var idempotencyKey: String?
  var isReplay = false
  var isKeptAlive = false

  var isModification: Bool {
    guard gateway == .adyen else { return false }
    switch operation {
    case .capture, .cancel, .refund, .reversal, .technicalCancel: return true
    default: return false
    }
  }
}

/// One fault with its conditions, as posted to the control port.
struct FaultRule: Sendable {
  var id = ""
  /// nil: both.
  var gateway: Gateway?
  /// More than one: each hit draws one of them.
  var faults: [Fault]
  var operations: Set<Operation> = []
  var referencePrefix: String?
  var metadata: [(String, String)] = []
  var amount: Int64?
  var idempotencyKey: String?
  var replay: Bool?
  var keptAlive: Bool?
  /// How often it still strikes; nil: no end.
  var remaining: Int64?
  /// Matching requests it lets pass first.
  var skips: Int64 = 0
  var probability = 1.0
  var seed: UInt64
  var delayMilliseconds: Int64 = 3000
  var hits: Int64 = 0
  var generator: SeededGenerator

  func matches(_ facts: FaultFacts) -> Bool {
    if let gateway, gateway != facts.gateway { return false }
    // A fault of a modification waits for one.
    if faults.allSatisfy(\.touchesModification), !facts.isModification { return false }
    if !operations.isEmpty, !operations.contains(facts.operation) { return false }
    if let referencePrefix, !facts.reference.hasPrefix(referencePrefix) { return false }
    if let amount, amount != facts.amount { return false }
    if let idempotencyKey, idempotencyKey != facts.idempotencyKey { return false }
    if let replay, replay != facts.isReplay { return false }
    if let keptAlive, keptAlive != facts.isKeptAlive { return false }
    return metadata.allSatisfy { wanted in
      facts.metadata.contains { $0.0 == wanted.0 && $0.1 == wanted.1 }
    }
  }
}

struct ChosenFault: Sendable {
  let fault: Fault
  let delayMilliseconds: Int64
}

/// The rules in force. The first that matches and strikes decides.
struct FaultPlan: Sendable {
  private(set) var rules: [FaultRule] = []
  private var nextNumber = 1

  mutating func add(_ rule: FaultRule) -> String {
    var rule = rule
    rule.id = "fault_\(nextNumber)"
    nextNumber += 1
    rules.append(rule)
    return rule.id
  }

  /// nil removes all. Returns what was removed.
  mutating func remove(_ id: String?) -> [FaultRule] {
    let removed = rules.filter { id == nil || $0.id == id }
    rules.removeAll { id == nil || $0.id == id }
    return removed
  }

  func refuses(_ gateway: Gateway) -> Bool {
    rules.contains { $0.faults == [.refuse] && ($0.gateway == nil || $0.gateway == gateway) }
  }

  mutating func choose(_ facts: FaultFacts) -> ChosenFault? {
    for index in rules.indices
    where rules[index].faults != [.refuse] && rules[index].matches(facts) {
      if rules[index].remaining == 0 { continue }
      if rules[index].skips > 0 {
        rules[index].skips -= 1
        continue
      }
      if rules[index].probability < 1,
        Double.random(in: 0..<1, using: &rules[index].generator) >= rules[index].probability
      {
        continue
      }
      guard let fault = rules[index].faults.randomElement(using: &rules[index].generator) else {
        continue
      }
      rules[index].hits += 1
      if let remaining = rules[index].remaining { rules[index].remaining = remaining - 1 }
      return ChosenFault(fault: fault, delayMilliseconds: rules[index].delayMilliseconds)
    }
    return nil
  }
}
