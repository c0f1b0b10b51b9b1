import IntentsCore
import Money
import ServiceKit
import Wire

/// Applies facts to an intent's rows in memory: what comes out is written in one transaction.
/// Each fact counts once, in its operation's order.
struct FactApplication {
  enum Result: String, Sendable {
    case applied
    case duplicate
    case notYet = "not_yet"
    /// No such operation here: the router knows more than we do.
    case unknownOperation = "unknown_operation"
  }

  /// A step that the machine made, to be written to the history and told to others.
  struct Step {
    /// The intent after the step.
    var intent: IntentRow
    var cause: String
    var moved: Bool
    var notices: [Notice]
    var fact: GatewayV1.Fact
  }

  private(set) var intent: IntentRow
  private(set) var refunds: RefundApplication
  private(set) var operations: [OperationRow]
  private(set) var steps: [Step] = []
  private(set) var captures: [(id: CaptureID, operation: OperationID, amountMinor: Int64, captured: Bool)] = []
  /// The operations that facts were applied to, with the last fact applied before.
  private(set) var appliedFrom: [OperationID: Int32] = [:]
  var touched: some Collection<OperationID> { appliedFrom.keys }
  private let now: Timestamp

  init(
    intent: IntentRow, operations: [OperationRow], refunds: [RefundRow] = [], now: Timestamp
  ) {
    self.intent = intent
    self.refunds = RefundApplication(refunds, now: now)
    self.operations = operations
    self.now = now
  }

  /// The facts of one answer, in their order.
  mutating func apply(_ facts: [GatewayV1.Fact]) {
    for fact in facts.sorted(by: { $0.sequence < $1.sequence }) { _ = apply(fact) }
  }

  mutating func apply(_ fact: GatewayV1.Fact) -> Result {
    guard let id = OperationID(fact.operationID),
      let index = operations.firstIndex(where: { $0.id == id })
    else { return .unknownOperation }
    let sequence = Int32(clamping: fact.sequence)
    guard sequence > operations[index].appliedSequence else { return .duplicate }
    guard sequence == operations[index].appliedSequence + 1 else { return .notYet }
    if appliedFrom[id] == nil { appliedFrom[id] = operations[index].appliedSequence }
    operations[index].appliedSequence = sequence
    if refunds.apply(fact, of: id, to: &intent) { return .applied }
    let isCurrent = intent.currentOperation == id && operations[index].isOpen
    guard let meaning = FactMeaning(fact) else {
      record(fact, moved: false, [.alert(kind: "fact_not_understood")])
      return .applied
    }
    if meaning.closesOperation { operations[index].isOpen = false }
    note(fact, meaning, operation: id, isCurrent: isCurrent)
    // A fact of an operation that is not the current one never changes the intent.
    let state = isCurrent ? intent.state : .canceled
    switch IntentMachine.next(state, .fact(meaning.fact), capture: intent.captureMethod) {
    case .moved(let next, let notices):
      intent.state = next
      intent.version += 1
      intent.updatedAt = now
      if case .failed(let failure) = next { intent.lastFailure = failure }
      record(fact, moved: true, notices)
    case .unchanged(let notices):
      record(fact, moved: false, notices)
    case .refused:
      record(fact, moved: false, [.alert(kind: "fact_refused")])
    }
    return .applied
  }

  private mutating func record(_ fact: GatewayV1.Fact, moved: Bool, _ notices: [Notice]) {
    guard moved || !notices.isEmpty else { return }
    let cause = "fact:\(fact.kind.shortName)"
    steps.append(Step(intent: intent, cause: cause, moved: moved, notices: notices, fact: fact))
  }

  /// What the fact says about amounts and the winner.
  private mutating func note(
    _ fact: GatewayV1.Fact, _ meaning: FactMeaning, operation: OperationID, isCurrent: Bool
  ) {
    let amountMinor = fact.amount?.amountMinor ?? 0
    switch meaning.fact {
    case .authorized where isCurrent:
      intent.authorizedMinor = amountMinor
      noteGateway(fact)
    case .captured:
      if isCurrent {
        intent.authorizedMinor = max(intent.authorizedMinor, amountMinor)
        noteGateway(fact)
      }
      // An automatic capture in the same call has no id of its own: its operation names it.
      let capture = meaning.capture ?? CaptureID(bits: operation.bits)
      captures.append((capture, operation, amountMinor, true))
      intent.capturedMinor += amountMinor
    case .captureFailed:
      if let capture = meaning.capture {
        captures.append((capture, operation, max(amountMinor, 1), false))
      }
    case .pending where isCurrent, .requiresAction where isCurrent:
      noteGateway(fact)
    // Who declined, so that its code can be read and its books be compared.
    case .declined where isCurrent:
      noteGateway(fact)
    case .canceled where isCurrent:
      intent.authorizedMinor = 0
    case .unknown where isCurrent:
      intent.nextCheckAt = fact.nextCheckAt.map(Timestamp.init(wire:))
    default:
      break
    }
  }

  private mutating func noteGateway(_ fact: GatewayV1.Fact) {
    intent.gateway = fact.gateway
    intent.gatewayAccount = fact.gatewayAccount
    intent.gatewayReference = fact.gatewayReference
  }
}

/// A fact of the contract in the terms of the machine.
struct FactMeaning {
  var fact: Fact
  var capture: CaptureID?
  var closesOperation: Bool

  /// Nil for a kind of a newer contract.
  init?(_ wire: GatewayV1.Fact) {
    capture = wire.captureID.isEmpty ? nil : CaptureID(wire.captureID)
    closesOperation = false
    switch wire.kind {
    case .authorized: fact = .authorized
    case .captured:
      fact = .captured
      closesOperation = true
    case .declined:
      fact = .declined(Self.failure(wire.decline))
      closesOperation = true
    case .notExecuted:
      fact = .notExecuted(code: Self.code(wire.decline, otherwise: "not_executed"))
      closesOperation = true
    case .unknown: fact = .unknown
    case .pending: fact = .pending
    case .canceled:
      fact = .canceled
      closesOperation = true
    case .requiresAction: fact = .requiresAction
    case .captureFailed:
      fact = .captureFailed(code: Self.code(wire.decline, otherwise: "capture_failed"))
      closesOperation = true
    case .conflicted: fact = .conflicted
    // About a refund, not about the intent's own state.
    case .refundPending, .refunded, .refundFailed, .unspecified, .unrecognized: return nil
    }
  }

  private static func code(_ decline: GatewayV1.Decline?, otherwise: String) -> String {
    guard let code = decline?.code, !code.isEmpty else { return otherwise }
    return code
  }

  private static func failure(_ decline: GatewayV1.Decline?) -> IntentFailure {
    IntentFailure(
      kind: .retryable, code: code(decline, otherwise: "card_declined"),
      declineClass: decline.flatMap { DeclineClass(rawValue: Int16(clamping: $0.`class`.rawValue)) },
      gatewayCode: decline?.gatewayCode ?? "")
  }
}

extension GatewayV1.FactKind {
  /// `FACT_KIND_CAPTURED` is `captured`.
  var shortName: String {
    guard let name = protoName else { return "unrecognized" }
    return name.dropFirst("FACT_KIND_".count).lowercased()
  }
}
