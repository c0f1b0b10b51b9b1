/// One fault with its conditions, as posted to the control port.
struct FaultRule: Sendable {
  static let delayMillisecondsStandard: Int64 = 3000

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
  var delayMilliseconds = FaultRule.delayMillisecondsStandard
  var hits: Int64 = 0
  var generator: SeededGenerator

  func matches(_ facts: FaultFacts) -> Bool {
    if let gateway, gateway != facts.gateway { return false }
    // A fault waits for a request that it fits.
    guard faults.contains(where: { $0.fits(facts) }) else { return false }
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
  var schedule: FaultSchedule?
  /// Payments, by their key or id, whose method has struck.
  private var struckByMethod: Set<String> = []
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

  /// What the rules do to all connections of a gateway, if anything.
  func connectionFault(_ gateway: Gateway) -> Fault? {
    rules.first { rule in
      rule.faults[0].touchesConnections && (rule.gateway == nil || rule.gateway == gateway)
    }?.faults[0]
  }

  /// The first rule that strikes, else what the seed has drawn, else what the payment method says.
  mutating func choose(_ facts: FaultFacts) -> ChosenFault? {
    if let chosen = chooseByRule(facts) { return chosen }
    guard let fault = schedule?.next(facts) ?? byMethod(facts) else { return nil }
    return ChosenFault(fault: fault, delayMilliseconds: FaultRule.delayMillisecondsStandard)
  }

  /// Once per payment: when it is made, or, where that does not fit, at the first call that does.
  private mutating func byMethod(_ facts: FaultFacts) -> Fault? {
    guard let fault = facts.methodFault, fault.fits(facts) else { return nil }
    var made = facts
    made.operation = .authorize
    guard facts.operation == .authorize || !fault.fits(made) else { return nil }
    guard let name = facts.paymentID ?? facts.idempotencyKey else { return fault }
    return struckByMethod.insert("\(facts.gateway.rawValue) \(name)").inserted ? fault : nil
  }

  private mutating func chooseByRule(_ facts: FaultFacts) -> ChosenFault? {
    for index in rules.indices where rules[index].matches(facts) {
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
      let fitting = rules[index].faults.filter { $0.fits(facts) }
      guard let fault = fitting.randomElement(using: &rules[index].generator) else { continue }
      rules[index].hits += 1
      if let remaining = rules[index].remaining { rules[index].remaining = remaining - 1 }
      return ChosenFault(fault: fault, delayMilliseconds: rules[index].delayMilliseconds)
    }
    return nil
  }
}
